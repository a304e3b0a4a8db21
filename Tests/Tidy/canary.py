#!/usr/bin/env python3
"""Proves that each rule of tidy.py can fail, and that it fails for nothing else.

Every sample is a small tree. A bad one breaks exactly the rule it names; a good one comes close to
breaking rules and breaks none.
"""

import pathlib
import sys
import tempfile

import tidy

ENGINE = "Sources/OmegaEngine/Sample.swift"
LIST = "Tests/Tidy/unsafe-files"
SAFE = "// SAFETY: the caller keeps the image mapped.\nlet word = unsafe base.pointee\n"

# (rule, what the sample shows, files)
BAD = [
  ("layers", "the engine imports a host", {ENGINE: "import OmegaLinux\n"}),
  ("layers", "attribute and access level", {ENGINE: "@_exported public import Glibc\n"}),
  ("layers", "an import of one symbol", {ENGINE: "import func Glibc.getpid\n"}),
  ("layers", "Foundation in the Swift API", {"Sources/OmegaIPC/A.swift": "import Foundation\n"}),
  ("layers", "an unknown module", {"Sources/OmegaNew/A.swift": "let one = 1\n"}),
  ("unsafe-files", "not in the list", {ENGINE: SAFE}),
  ("unsafe-files", "an entry without need", {ENGINE: "let one = 1\n", LIST: ENGINE + "\n"}),
  ("unsafe-files", "an entry without file", {LIST: ENGINE + "\n"}),
  ("unsafe-files", "code before a comment", {ENGINE: SAFE + "let b = unsafe a // b\n"}),
  ("safety-comments", "no reason", {ENGINE: "let a = unsafe b\n", LIST: ENGINE + "\n"}),
  ("safety-comments", "a @safe type", {ENGINE: "@safe struct A {}\n", LIST: ENGINE + "\n"}),
  ("file-length", "a source", {ENGINE: "// line\n" * (tidy.MAXIMUM_LINES + 1)}),
  ("file-length", "a test", {"Tests/A/run": "#!/bin/sh\n" * (tidy.MAXIMUM_TEST_LINES + 1)}),
  ("machine-paths", "a checkout", {"Scripts/a": "cd /wo" "rk/main\n"}),
  ("machine-paths", "a home, in a document", {"README.md": "see `/ro" "ot/notes`\n"}),
  ("machine-paths", "a scratch file", {"Scripts/a": "echo >/t" "mp/out\n"}),
  ("trailing-whitespace", "a blank", {"README.md": "text \n"}),
  ("trailing-whitespace", "no newline at the end", {"README.md": "text"}),
  ("unfinished", "no issue", {ENGINE: "// TO" "DO: wake the sleeper\n"}),
]

GOOD = {
  ENGINE: "import Synchronization\n\n/// Never unsafe.\nlet text = \"unsafe\"  // unsafe\n",
  "Sources/OmegaEngine/Image.swift": SAFE + "// TO" "DO(#7): two images\n",
  "Sources/omega/Main.swift": "import ArgumentParser\nimport OmegaIPC\n\nimportant()\n",
  "Sources/OmegaLinux/Full.swift": "// line\n" * tidy.MAXIMUM_LINES,
  "Scripts/a": "#!/bin/sh\nscratch=$(mktemp -d /tmp/omega.XXXXXX)\ncp a \"$scratch/work/b\"\n",
  "README.md": "OMEGA_IPC_NAMESPACE=/t" "mp/mine omega ls\n",
  LIST: "# comment\nSources/OmegaEngine/Image.swift\n",
}


def broken_rules(files):
  with tempfile.TemporaryDirectory() as root:
    for name, text in files.items():
      path = pathlib.Path(root, name)
      path.parent.mkdir(parents=True, exist_ok=True)
      path.write_text(text, encoding="utf-8")
    tree = tidy.Tree(root)
    return [rule for rule, check in tidy.RULES.items() if any(check(tree))]


def main():
  problems = []
  for rule, title, files in BAD:
    found = broken_rules(files)
    if found != [rule]:
      problems.append(f"{rule} ({title}): reported {found or 'nothing'}")
  found = broken_rules(GOOD)
  if found:
    problems.append(f"the good sample: reported {found}")
  untested = set(tidy.RULES) - {rule for rule, _, _ in BAD}
  problems += [f"{rule}: no bad sample" for rule in sorted(untested)]
  for problem in problems:
    print(f"  {problem}")
  if problems:
    print(f"not ok canary: {len(problems)} samples")
    return 1
  print(f"ok canary: {len(BAD)} bad samples reported, the good one not")
  return 0


if __name__ == "__main__":
  sys.exit(main())
