#!/usr/bin/env bash
# One voice, Russian, 16 kHz, on a CUDA GPU: configuration M for as long as the machine is there.
#
#   festvox_ru.sh [FOLDER] [further options of wavegen train, such as --minutes 20]
#
# FOLDER is runs/festvox_ru where not given. Interrupt it (Ctrl-C) and it says how to go on.
set -euo pipefail

folder=${1:-runs/festvox_ru}
shift || true
"$(dirname "$0")/speech_lists.sh" festvox-ru "$folder/data"

wavegen train audio "$folder/data/train.txt" --valid "$folder/data/valid.txt" -o "$folder/run" \
    --model wavenet --preset M --domain.rate_hz 16000 --device cuda --minutes 60 "$@"
wavegen sample "$folder/run" -o "$folder/sample.wav" --seconds 4 -n 8 --seed 7 --device cuda \
    --picture "$folder/sample.png"
wavegen info "$folder/run"
