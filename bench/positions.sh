#!/usr/bin/env bash
# Seven encoders that differ only in how they know order: docs/theory.md has what came of them.
#   bench/positions.sh DATA [RUNS] [STEPS]      DATA holds text/ and agreement/ (see docs/theory.md)
# Each can be stopped and gone on with; more steps later go on from where it stood.
set -euo pipefail
data=$(cd "$1" && pwd)
runs=${2:-runs/positions}
steps=${3:-2500}
contexture=${CONTEXTURE:-target/release/contexture}
config=$(mktemp)
trap 'rm -f "$config"' EXIT
sed "s#DATA/#$data/#" "$(dirname "$0")/positions.toml" > "$config"
names="none rotary sinusoidal learned relative formula alibi"
for name in $names; do
    positions=$name
    if [ "$name" = formula ]; then
        positions='{ formula = "cos(pi * (pos + 0.5) * i / d)" }'
    fi
    "$contexture" train "$config" --output "$runs/$name" --set "model.positions=$positions" --steps "$steps"
    "$contexture" similarity --model "$runs/$name" 'ram hits sam' 'sam hits ram' 'ram strikes sam'
    "$contexture" eval minimal-pairs "$data/agreement/marvin-linzen-sample.tsv.gz" --model "$runs/$name" \
        --markdown --out "$runs/$name/agreement.md"
done
# shellcheck disable=SC2046
"$contexture" train --report $(printf "$runs/%s " $names) --out "$runs/curves.html"
