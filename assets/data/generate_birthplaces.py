#!/usr/bin/env python3
"""Writes the lists that compare places of birth (spec/organizations.md §5.5), from data that are kept up:

    assets/data/generate_birthplaces.py            communes and countries
    assets/data/generate_birthplaces.py --check    fail when a list is not in the form that look-ups depend on

birthplace_codes.csv   former code, code of today: communes that were merged or renumbered, municipal districts of Paris, Lyon and
                       Marseille, from the npm package @etalab/decoupage-administratif (INSEE's "code officiel géographique"); the
                       communes of Mayotte, by the rule below; and former_codes.csv, kept by hand: the few codes of former
                       countries and of Seine-et-Oise that the package does not tell.
metropolitan_codes.csv code, name: every commune, of today or before, whose code begins like that of a former department
                       outside of France (91 to 96). Any other code that begins so names the country.
country_codes.csv      ISO 3166-1 alpha-2 and alpha-3, INSEE's code, from https://github.com/sfaut/data-cog (the same source).

Every list is UTF-8 text: one entry a line, sorted by the bytes of its key, without repetition. Review what changes.
"""

import csv
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
from pathlib import Path

DATA = Path(__file__).resolve().parent
PACKAGE = os.environ.get("COMMUNES_PACKAGE", "@etalab/decoupage-administratif@6.0.0")
COUNTRIES = os.environ.get(
    "COUNTRIES_URL",
    "https://raw.githubusercontent.com/sfaut/data-cog/d6af7e436278142988e386108b298873641c4cd5/v2025/cog-countries@2025.csv",
)
LISTS = ("birthplace_codes.csv", "country_codes.csv", "former_codes.csv", "metropolitan_codes.csv")
# Districts that registers of the past numbered in another way.
FORMER_DISTRICTS_OF_PARIS = {f"752{number:02}": "75056" for number in range(1, 21)}
# 985nn, and 976nn in their place, are compared as 972nn, of which two were renumbered.
COMMUNES_OF_MAYOTTE = {
    f"{department}{number:02}": {4: "97233", 5: "97234"}.get(number, f"972{number:02}")
    for department in ("976", "985")
    for number in range(1, 18)
}
# Departments of Algeria, and what is now Morocco and Tunisia, had these first digits; so have departments of Île-de-France.
FORMER_DEPARTMENTS = ("91", "92", "93", "94", "95", "96")
# One code stands for what several entries of the package name: these keep the code that registers still write.
STILL_WRITTEN = {"97127"}


def communes():
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(
            ["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True, capture_output=True, text=True
        ).stdout.split()[-1]
        with tarfile.open(Path(folder) / packed) as archive:
            return json.load(archive.extractfile("package/data/communes.json"))


def birthplaces(entries):
    current = {entry["code"] for entry in entries if entry["type"] == "commune-actuelle"}
    codes = {}
    for entry in entries:
        if entry["type"] == "commune-actuelle":
            codes.update({former: entry["code"] for former in entry.get("anciensCodes", [])})
        elif "commune" in entry:
            codes.setdefault(entry["code"], entry["commune"])
        elif "chefLieu" in entry:
            codes.setdefault(entry["code"], entry["chefLieu"])
    for code in [*STILL_WRITTEN, *current]:
        codes.pop(code, None)
    codes.update(FORMER_DISTRICTS_OF_PARIS)
    codes.update(COMMUNES_OF_MAYOTTE)
    codes.update(dict(read("former_codes.csv")))
    return codes


def metropolitan(entries):
    names = {}
    for entry in entries:
        for code in (entry["code"], *entry.get("anciensCodes", [])):
            if code.startswith(FORMER_DEPARTMENTS):
                names.setdefault(code, entry["nom"])
    for code, today in read("former_codes.csv"):
        if today.startswith(FORMER_DEPARTMENTS):
            names.setdefault(today, names.get(code, ""))
    return names


def countries():
    location = COUNTRIES
    if location.startswith("https:"):
        with urllib.request.urlopen(location) as answer:
            text = answer.read().decode()
    else:
        text = Path(location).read_text(encoding="utf-8")
    codes = {}
    # States first: an archipelago shares the ISO code of its state.
    rows = sorted(csv.DictReader(io.StringIO(text)), key=lambda row: (row["actual_id"] != "1", row["code"]))
    for row in rows:
        for iso in (row["iso2_code"], row["iso3_code"]):
            if iso:
                codes.setdefault(iso, row["code"])
    return codes


def read(name):
    return [tuple(line.split(",")) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


def write(name, codes):
    lines = [f"{key},{value}\n" for key, value in sorted(codes.items(), key=lambda entry: entry[0].encode())]
    (DATA / name).write_text("".join(lines), encoding="utf-8")
    print(f"{name}: {len(lines)} entries")


def check():
    for name in LISTS:
        keys = [entry[0].encode() for entry in read(name)]
        if keys != sorted(set(keys)):
            sys.exit(f"{name} is not sorted, or repeats a key")


if __name__ == "__main__":
    if "--check" not in sys.argv:
        entries = communes()
        write("birthplace_codes.csv", birthplaces(entries))
        write("metropolitan_codes.csv", metropolitan(entries))
        write("country_codes.csv", countries())
    check()
