#!/usr/bin/env bash
# One voice, 25 minutes of 8 kHz speech, configuration S, 20 minutes of training.
#
#   asterisk_speech.sh [FOLDER] [further options of wavegen train]
#
# Standard mu-law, no normalisation, every 10th file held out. FOLDER is runs/asterisk where not given.
set -euo pipefail

folder=${1:-runs/asterisk}
shift || true
"$(dirname "$0")/speech_lists.sh" asterisk-core-sounds-en-wav "$folder/data"

wavegen train audio "$folder/data/train.txt" --valid "$folder/data/valid.txt" -o "$folder/run" \
    --model wavenet --preset S --domain.rate_hz 8000 --minutes 20 --trainer.batch 2 \
    --trainer.window 8192 --observe curve "$@"
wavegen sample "$folder/run" -o "$folder/sample.wav" --seconds 4 -n 4 --seed 7 --picture "$folder/sample.png"
wavegen info "$folder/run"
