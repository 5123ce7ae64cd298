"""A graph in the shape of WN18RR, from a WordNet 3.1 in the XML of BalkaNet.

    python benchmarks/wordnet.py english_wordnet_version_31.xml DIR
    python benchmarks/kge.py DIR --model complex

The file is part of the package NlpToolkit-WordNet of PyPI. WN18RR itself cannot be made from it;
this is as near as we come: links among nouns, among verbs, and also-sees; of two relations that say
the same in both directions only one; derivations, verb groups and also-sees, which stand in both
directions, as they are, so that many a test triple's mirror is learned, as it is there. Random
synsets are left out until about 92,900 triples remain whose synsets have two of them at least.
Valid and test take as many triples as in WN18RR, none of which is the last of a synset.
"""

from __future__ import annotations

import argparse
import random
import re
from collections import Counter
from pathlib import Path

RELATIONS = {
    "HYPERNYM": "hypernym",
    "DERIVATION_RELATED": "derivationally_related_form",
    "MEMBER_MERONYM": "member_meronym",
    "PART_MERONYM": "has_part",
    "DOMAIN_TOPIC": "synset_domain_topic_of",
    "INSTANCE_HYPERNYM": "instance_hypernym",
    "ALSO_SEE": "also_see",
    "VERB_GROUP": "verb_group",
    "MEMBER_REGION": "member_of_domain_region",
    "MEMBER_USAGE": "member_of_domain_usage",
}
WANTED, VALID, TEST = 92_900, 3034, 3134
MOST_LEFT_OUT, HALVINGS = 0.4, 7

Triple = tuple[str, str, str]


def links(path: Path) -> set[Triple]:
    """Return the links among nouns and verbs, and all also-sees."""
    text = path.read_text(encoding="utf-8", errors="replace")
    found: set[Triple] = set()
    for synset in re.findall(r"<SYNSET>.*?</SYNSET>", text, re.DOTALL):
        head = re.findall(r"<ID>([^<]*)</ID>", synset)[0]
        for tail, kind in re.findall(r"<SR>([^<]*)<TYPE>([^<]*)</TYPE>", synset):
            spoken = head[-1] in "nv" and tail[-1] in "nv"
            if kind in RELATIONS and head != tail and (spoken or kind == "ALSO_SEE"):
                found.add((head, RELATIONS[kind], tail))
    return found


def core(triples: set[Triple]) -> set[Triple]:
    """Return the triples left when synsets of one triple are taken out, again and again."""
    while True:
        degree = Counter(name for head, _, tail in triples for name in (head, tail))
        kept = {row for row in triples if degree[row[0]] > 1 and degree[row[2]] > 1}
        if len(kept) == len(triples):
            return kept
        triples = kept


def thinned(triples: set[Triple], rng: random.Random) -> set[Triple]:
    """Return about `WANTED` triples: those of a random share of the synsets."""
    names = sorted({name for head, _, tail in triples for name in (head, tail)})
    draw = {name: rng.random() for name in names}
    low, high, kept = 0.0, MOST_LEFT_OUT, triples
    for _ in range(HALVINGS):
        share = (low + high) / 2
        kept = core({row for row in triples if min(draw[row[0]], draw[row[2]]) > share})
        low, high = (share, high) if len(kept) > WANTED else (low, share)
    return kept


def split(triples: set[Triple], rng: random.Random) -> dict[str, list[Triple]]:
    """Return train, valid and test; every synset stands in train."""
    rows = sorted(triples)
    rng.shuffle(rows)
    degree = Counter(name for head, _, tail in rows for name in (head, tail))
    held: list[Triple] = []
    train: list[Triple] = []
    for row in rows:
        head, _, tail = row
        if len(held) < VALID + TEST and degree[head] > 1 and degree[tail] > 1:
            held.append(row)
            degree.subtract((head, tail))
        else:
            train.append(row)
    return {"train": train, "valid": held[:VALID], "test": held[VALID:]}


def main() -> None:
    """Write train.txt, valid.txt and test.txt."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    rng = random.Random(0)  # noqa: S311 - the same graph for everybody
    parts = split(thinned(links(given.file), rng), rng)
    given.folder.mkdir(parents=True, exist_ok=True)
    for name, rows in parts.items():
        lines = "".join("\t".join(row) + "\n" for row in rows)
        (given.folder / f"{name}.txt").write_text(lines, encoding="utf-8")
    learned = set(parts["train"])
    mirrored = sum((tail, name, head) in learned for head, name, tail in parts["test"])
    print({name: len(rows) for name, rows in parts.items()}, Counter(row[1] for row in learned))
    print(f"{mirrored / len(parts['test']):.1%} of the test triples stand mirrored in train")


if __name__ == "__main__":
    main()
