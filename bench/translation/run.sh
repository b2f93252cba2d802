#!/usr/bin/env bash
# Encoder-decoders that differ only in how they know order: docs/theory.md has what came of them.
#   bench/translation/run.sh DATA multi30k|scan [RUNS] [STEPS] [NAMES]      DATA holds mt/ and seq2seq/
# Each can be stopped and gone on with; NAMES ("none learned"): only those.
set -euo pipefail
data=$(cd "$1" && pwd)
task=$2
runs=${3:-runs/$task-positions}
steps=${4:-$([ "$task" = scan ] && echo 2500 || echo 1500)}
names=${5:-none sinusoidal learned rotary lstm}
contexture=${CONTEXTURE:-target/release/contexture}
config=$(mktemp)
outputs=$(mktemp)
trap 'rm -f "$config" "$outputs" "$outputs".*' EXIT
here=$(cd "$(dirname "$0")" && pwd)
sed "s#DATA/#$data/#; s#HERE/#$here/#" "$here/$task.toml" > "$config"

# About as many parameters besides words as attention has there.
settings() {
    case $1 in
        lstm)
            echo 'model.aggregator="lstm" model.layers=2 model.positions="none"'
            [ "$task" = scan ] || echo model.hidden=160
            ;;
        *) echo "model.positions=\"$1\"" ;;
    esac
}

# NAME SOURCE-AND-TARGET [more settings]: trains, translates, judges.
one() {
    local name=$1 pairs=$2 sets=()
    shift 2
    for set in "$@"; do sets+=(--set "$set"); done
    "$contexture" train "$config" --output "$runs/$name" --steps "$steps" "${sets[@]}"
    read_file() { case $pairs in *.gz) gzip -dc "$pairs" ;; *) cat "$pairs" ;; esac; }
    read_file | cut -f1 > "$outputs.source"
    read_file | cut -f2 > "$outputs.target"
    "$contexture" translate --model "$runs/$name" --input "$outputs.source" --input-format txt --beam 1 \
        --output "$outputs.txt"
    "$contexture" eval translation --hypotheses "$outputs.txt" --references "$outputs.target" --json \
        > "$runs/$name/judged.json"
    paste "$outputs.txt" "$outputs.target" |
        awk -F'\t' '{ right += $1 == $2 } END { printf "%.1f %% of %d exactly\n", 100 * right / NR, NR }' |
        tee "$runs/$name/exact.txt"
}

for name in $names; do
    # shellcheck disable=SC2046
    case $task in
        scan)
            for split in simple length addprim-jump; do
                one "$split-$name" "$data/seq2seq/scan-$split-test.tsv.gz" $(settings "$name") \
                    "objective.0.data.train=[{files=[\"$data/seq2seq/scan-$split-train.tsv.gz\"],header=false,columns={source=\"1\",target=\"2\"}}]" \
                    "objective.0.data.held_out=[{files=[\"$data/seq2seq/scan-$split-test.tsv.gz\"],header=false,columns={source=\"1\",target=\"2\"}}]"
            done ;;
        # What a short run wants: less dropout, an earlier peak of the rate, the mean of its last states only.
        *) one "$name" "$data/mt/$task-val.en-de-fr.tsv.gz" $(settings "$name") model.dropout=0.1 \
            "schedule.warmup=$((steps / 5))" "averaging.every=$((steps / 30))" ;;
    esac
done
