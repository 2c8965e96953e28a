#!/usr/bin/env python3
"""Writes the lists in assets/data/, which the rules over organizations look things up in.

    assets/data/generate.py free-email-domains     domains of public mailbox providers, from an npm package
    assets/data/generate.py legal-categories       from tests/vectors/legal_categories.json
    assets/data/generate.py administrations [--operators] [--search-infra DIRECTORY] [--prune]
                                                   from the list of State operators and the "Liste des administrations"
    assets/data/generate.py --check                fail when a list is not in the form that look-ups depend on

Every list is UTF-8 text: one entry a line, sorted by the bytes of its key, without repetition. The key ends at the first
comma. Review what changes before it is committed: who is on a list decides who may join an organization unasked.

State operators are those of the annex "Opérateurs de l'État" of the finance law. The team of annuaire-entreprises.data.gouv.fr
publishes their SIREN in its repository search-infra (MIT), which is read over the network or, with --search-infra DIRECTORY, from a
clone of it; the date of the snapshot is told, and belongs into assets/data/README.md. The "Liste des administrations" is the Grist
document of the same team; --operators leaves it alone.

Where that document is, the environment may say, by the names that the reference gave to it: GRIST_API_URL (the service),
ADMINISTRATION_GRIST_DOC_ID (the document) and ADMINISTRATION_GRIST_API_KEY (for a document that not everybody may read).

administrations needs access to github.com (unless there is a clone) and to that service; entries that are already in a list
and that the source does not name any more are removed only with --prune.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
DATA = ROOT / "assets" / "data"

# https://www.npmjs.com/package/is-disposable-email-domain (MIT): plain text, one domain a line.
FREE_EMAIL_PACKAGE = os.environ.get("FREE_EMAIL_PACKAGE", "is-disposable-email-domain@1.0.7")
FREE_EMAIL_FILES = ("package/data/free.txt", "package/data/disposable.txt")

SEARCH_INFRA = "https://raw.githubusercontent.com/annuaire-entreprises-data-gouv-fr/search-infra/main"
STATE_OPERATORS = "helpers/labels/operateurs_lolf.json"
GRIST_URL = os.environ.get("GRIST_API_URL") or "https://grist.numerique.gouv.fr"
GRIST_DOCUMENT = os.environ.get("ADMINISTRATION_GRIST_DOC_ID") or "1e4iraESY7dQ"
GRIST_KEY = os.environ.get("ADMINISTRATION_GRIST_API_KEY")

LISTS = (
    "certification_legal_categories.csv",
    "free_email_domains.txt",
    "named_private_companies.csv",
    "named_public_services.csv",
    "public_legal_categories.csv",
    "state_operators.csv",
)


def write(name, lines):
    """Writes the list `name`, sorted by key, without repetition."""
    entries = {line.split(",", 1)[0]: line for line in lines}
    text = "".join(f"{entries[key]}\n" for key in sorted(entries, key=str.encode))
    (DATA / name).write_text(text, encoding="utf-8")
    print(f"{name}: {len(entries)} entries")


def free_email_domains():
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(
            ["npm", "pack", "--silent", FREE_EMAIL_PACKAGE], cwd=folder, check=True, capture_output=True, text=True
        )
        archive = Path(folder) / packed.stdout.strip().splitlines()[-1]
        domains = set()
        with tarfile.open(archive) as package:
            for name in FREE_EMAIL_FILES:
                text = package.extractfile(name).read().decode("utf-8")
                domains.update(line.strip().lower() for line in text.splitlines())
    write("free_email_domains.txt", (domain for domain in domains if re.fullmatch(r"[a-z0-9.-]+", domain)))


def legal_categories():
    document = json.loads((ROOT / "tests/vectors/legal_categories.json").read_text(encoding="utf-8"))
    flags = ("administration_etat", "collectivite", "service_public_administratif")
    write(
        "public_legal_categories.csv",
        (",".join([entry["code"], *(str(int(entry[flag])) for flag in flags)]) for entry in document["service_public"]),
    )
    write(
        "certification_legal_categories.csv",
        (f"{entry['code']},{entry['source']},{entry['libelle']}" for entry in document["certification_covered"]),
    )


def fetched(url, token=None):
    request = urllib.request.Request(url)
    if token:
        # Goes to no other place that the service may send us to.
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def from_grist(path=""):
    """What Grist says of the tables of the document, or of `path` below them."""
    return fetched(f"{GRIST_URL.rstrip('/')}/api/docs/{GRIST_DOCUMENT}/tables{path}", GRIST_KEY)


def grist_records(table):
    return [record["fields"] for record in from_grist(f"/{table}/records")["records"]]


def siren_list(name, entries, prune):
    """A list of SIREN with their names; what is no SIREN is left out and told."""
    known = {} if prune else dict(csv_rows(name))
    for siren, denomination in entries:
        siren = str(siren).strip()
        if re.fullmatch(r"\d{9}", siren):
            known[siren] = re.sub(r"\s+", " ", str(denomination)).strip()
        else:
            print(f"{name}: {siren!r} is no SIREN and is left out", file=sys.stderr)
    write(name, (f"{siren},{denomination}" for siren, denomination in known.items()))


def csv_rows(name):
    path = DATA / name
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [tuple(line.split(",", 1)) for line in lines]


def from_search_infra(path, clone):
    """The JSON file `path` of search-infra: of its main branch, or of what is checked out in `clone`."""
    if clone is None:
        return fetched(f"{SEARCH_INFRA}/{path}")
    git = ["git", "-C", clone]
    commit = subprocess.run([*git, "log", "-1", "--format=%cs %H", "--", path], check=True, capture_output=True, text=True)
    print(f"{path}: as of {commit.stdout.strip()}")
    return json.loads(subprocess.run([*git, "show", f"HEAD:{path}"], check=True, capture_output=True, text=True).stdout)


def administrations(only_operators, clone, prune):
    siren_list("state_operators.csv", from_search_infra(STATE_OPERATORS, clone).items(), prune)
    if only_operators:
        return
    tables = {re.sub("[^a-z]", "", table["id"].lower()): table["id"] for table in from_grist()["tables"]}
    for word, name in (("whitelist", "named_public_services.csv"), ("blacklist", "named_private_companies.csv")):
        table = next(identifier for key, identifier in tables.items() if word in key)
        rows = [{key.lower(): value for key, value in row.items()} for row in grist_records(table)]
        siren_list(name, ((row.get("siren", ""), row.get("denomination", "")) for row in rows), prune)


def check():
    failures = []
    for name in LISTS:
        text = (DATA / name).read_text(encoding="utf-8")
        keys = [line.split(",", 1)[0].encode() for line in text.splitlines()]
        if not text.endswith("\n") or keys != sorted(set(keys)) or b"" in keys:
            failures.append(f"{name}: not sorted, or entries are repeated or empty")
    sys.exit("\n".join(failures) or None)


def main(arguments):
    match arguments:
        case ["free-email-domains"]:
            free_email_domains()
        case ["legal-categories"]:
            legal_categories()
        case ["administrations", *options]:
            parser = argparse.ArgumentParser(prog="generate.py administrations")
            parser.add_argument("--operators", action="store_true")
            parser.add_argument("--search-infra", metavar="DIRECTORY")
            parser.add_argument("--prune", action="store_true")
            chosen = parser.parse_args(options)
            administrations(chosen.operators, chosen.search_infra, chosen.prune)
        case ["--check"]:
            check()
        case _:
            sys.exit(__doc__)


main(sys.argv[1:])
