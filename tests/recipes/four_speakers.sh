#!/usr/bin/env bash
# Four languages, three voices (en and es are one person): does a model that is told which know more
# than one that is not?
#
#   four_speakers.sh [FOLDER] [further options of wavegen train, such as --minutes 5]
#
# Two runs on the same files, with and without the label; then sixteen samples of each speaker, and a
# classifier that must tell them apart. FOLDER is runs/four_speakers where not given.
set -euo pipefail

folder=${1:-runs/four_speakers}
shift || true
here=$(cd "$(dirname "$0")" && pwd)
speakers="en es fr ru"

mkdir -p "$folder"
for part in train valid; do echo "path,label" > "$folder/$part.csv"; done
for speaker in $speakers; do
    "$here/speech_lists.sh" "asterisk-core-sounds-$speaker-wav" "$folder/data/$speaker"
    for part in train valid; do
        sed "s/\$/,$speaker/" "$folder/data/$speaker/$part.txt" >> "$folder/$part.csv"
    done
done

for labels in csv none; do
    wavegen train audio "$folder/train.csv" --valid "$folder/valid.csv" -o "$folder/run-$labels" \
        --model wavenet --preset S --domain.rate_hz 8000 --domain.label_from "$labels" --minutes 20 \
        --trainer.batch 2 --trainer.window 8192 "$@"
done

for speaker in $speakers; do
    mkdir -p "$folder/samples/$speaker"
    wavegen sample "$folder/run-csv" -o "$folder/samples/$speaker/sample.wav" --speaker "$speaker" \
        --seconds 4 -n 16 --seed 7
done
python "$here/four_speakers_classify.py" "$folder"
for labels in csv none; do
    echo "label_from=$labels:"
    wavegen info "$folder/run-$labels"
done
