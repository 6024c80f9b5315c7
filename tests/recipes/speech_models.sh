#!/usr/bin/env bash
# Models of equal size, 20 minutes of one core each, on one voice: which one learns speech best?
#
#   speech_models.sh [FOLDER] [further options of wavegen train]
#
# Same files and codes as asterisk_speech.sh, presets S (about 413,000 weights each). The learning rates of the models were
# the best of three in runs of two minutes that were scored on 20 files of the training set.
set -euo pipefail

folder=${1:-runs/speech_models}
shift || true
"$(dirname "$0")/speech_lists.sh" asterisk-core-sounds-en-wav "$folder/data"

run() {
    local name=$1
    shift
    wavegen train audio "$folder/data/train.txt" --valid "$folder/data/valid.txt" -o "$folder/$name" \
        --preset S --domain.rate_hz 8000 --minutes 20 --trainer.threads 1 --trainer.validations 6 \
        --trainer.valid_steps 100000 "$@"
}

run wavenet --model wavenet --trainer.batch 2 --trainer.window 8192 "$@"
run multiscale --model multiscale --trainer.batch 2 "$@"
run tcn --model tcn --trainer.batch 2 --trainer.window 8192 "$@"
run gated-delta --model gated-delta --model.delta false --trainer.batch 2 "$@"
run linear-transformer --model linear-transformer --trainer.batch 2 "$@"
run gru --model recurrent --trainer.batch 32 --trainer.window 256 --trainer.context 64 "$@"

cd "$folder"
wavegen compare wavenet multiscale tcn gated-delta linear-transformer gru --picture speech_models.png
