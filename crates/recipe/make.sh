#!/usr/bin/env bash
# The model inside the program from nothing: text, the teacher's vectors, three stages of training, their
# mean, and bytes. Steps that are done are passed over; one that was broken off goes on where it stood.
#   crates/recipe/make.sh DATA WORK [student|bag|lstm]
# DATA holds mt/ text/ pairs/ and the evaluation sets whose sentences are left out (contexture-recipe
# --help lists them); WORK takes about 4 GB. THREADS, 2 by default, changes the time only.
set -euo pipefail
data=$(realpath "$1")
work=$2
what=${3:-student}
threads=${THREADS:-2}
here=$(dirname "$(realpath "$0")")
root=$(realpath "$here/../..")

cd "$root"
cargo build --release
cargo build --release -p contexture-recipe
contexture=$root/target/release/contexture
mkdir -p "$work"
cd "$work"

[ -e made.done ] || { "$root/target/release/contexture-recipe" "$data" . && touch made.done; }
[ -e teacher.npy ] || "$contexture" embed --model all-MiniLM-L6-v2 --weights int8 --max-length 128 \
    --threads "$threads" --input texts.jsonl --field text --output teacher.npy
[ -e split.done ] || { "$root/target/release/split" texts.jsonl teacher.npy . && touch split.done; }

[ -e kinds.done ] || {
    for kind in roles modifiers voice actions comparisons directions times negations numbers; do
        grep "\"kind\":\"$kind\"" swaps.jsonl >"swaps-$kind.jsonl"
    done
    touch kinds.done
}

train() { [ -e "$1/model.safetensors" ] || "$contexture" train "$here/configs/$1.toml" --set threads="$threads"; }
train student-1
case $what in
student)
    train student-2
    train student-3
    "$root/target/release/blend" student-2 student-3 0.4 ordered
    "$root/target/release/blend" student-1 ordered 0.8 student
    "$contexture" export --model student --weights int4-words --card "$here/card.md" --force \
        --output contexture-small-en
    echo "to build it in: copy $work/contexture-small-en to crates/built_in/model"
    ;;
*)
    train "$what"
    ;;
esac
