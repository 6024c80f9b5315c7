#!/usr/bin/env bash
# Fetch one Debian package of recordings and list its files: FOLDER/train.txt, FOLDER/valid.txt.
#
#   speech_lists.sh PACKAGE FOLDER
#
# The sorted list of all *.wav is cut by rule: the 10th, 20th, 30th ... file is held out. Root is not
# needed: the package is unpacked into FOLDER, not installed.
set -euo pipefail

package=${1:?usage: speech_lists.sh PACKAGE FOLDER}
folder=${2:?usage: speech_lists.sh PACKAGE FOLDER}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)

if [ ! -d "$folder/files" ]; then
    fetched=$(mktemp -d)
    trap 'rm -rf "$fetched"' EXIT
    (cd "$fetched" && apt-get download "$package")
    dpkg-deb -x "$fetched"/*.deb "$fetched/files"
    mv "$fetched/files" "$folder/files"  # a folder of this name is always complete
fi

cd "$folder/files"
find . -type f -name '*.wav' -printf '%P\n' | LC_ALL=C sort |
    awk -v folder="$folder" '{
        print folder "/files/" $0 > (folder (NR % 10 ? "/train.txt" : "/valid.txt"))
    }'
echo "$package: $(wc -l < "$folder/train.txt") files to train on, $(wc -l < "$folder/valid.txt") held out"
