#!/usr/bin/env python3
"""The project's own rules, checked over a source tree.

  tidy.py [ROOT]    prints `ok RULE` or `not ok RULE: N problems` with the places, exits 1 on any

Each rule is a generator of (file, line, message). run also applies this file to a tree of samples
that break every rule once, so that a rule that stopped working is noticed (canary.py).
"""

import pathlib
import re
import subprocess
import sys

MAXIMUM_LINES = 500
MAXIMUM_TEST_LINES = 800

STANDARD = {"Swift", "Synchronization"}
FOUNDATION = {"Foundation", "FoundationEssentials"}

# What each module may import: lower layers never import upper ones. A module that is not listed is
# reported, so that a new one gets its place here.
LAYERS = {
  "OmegaEngine": {"Synchronization"},
  "OmegaLinux": {"OmegaEngine", "COmegaLinux"} | STANDARD,
  "OmegaCABI": {"OmegaLinux", "OmegaEngine", "COmegaLinux"} | STANDARD,
  "OmegaDropIn": {"OmegaLinux", "OmegaEngine", "COmegaLinux"} | STANDARD,
  "OmegaIPC": {"OmegaLinux", "OmegaEngine"} | STANDARD,
  # It compiles the engine's sources itself, over an image of its own.
  "OmegaSimulation": {"COmegaSimulation"} | STANDARD,
  "omega-swift-bench": {"OmegaIPC", "Glibc"},
  "omega": {"OmegaIPC", "OmegaLinux", "OmegaEngine", "ArgumentParser", "Glibc"}
  | STANDARD | FOUNDATION,
}
C_MODULES = {"COmegaLinux", "COmegaSimulation"}

IMPORT = re.compile(
  r"^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:public|package|internal|fileprivate|private)\s+)?"
  r"import\s+(?:(?:struct|class|enum|protocol|func|var|let|typealias)\s+)?(\w+)"
)
UNSAFE = re.compile(r"\bunsafe\b|@safe\b")
# (written in halves, so that this file passes itself)
UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|HA" r"CK)\b(?!\s*\(#\d+\))")
# Homes and toolchains of some machine; and scratch names, where a template for mktemp is none.
MACHINE_PATH = re.compile(r"(?<![\w.$}/~-])/(?:work|root|home|opt)/\w")
SCRATCH_PATH = re.compile(r"(?<![\w.$}/~-])/tmp/(?!\S*X{3})[\w.-]")
STRING = re.compile(r'"(?:\\.|[^"\\])*"')
LINE_COMMENT = re.compile(r"//.*")


class Tree:
  """The text files below a folder, without what git ignores."""

  def __init__(self, root):
    self.root = pathlib.Path(root)
    self.lines = {}
    for name in self._names():
      path = self.root / name
      try:
        if path.is_file() and not path.is_symlink():
          self.lines[name] = path.read_text(encoding="utf-8").split("\n")
      except UnicodeDecodeError:
        continue  # not a text file

  def _names(self):
    # The samples of the canary are no repository of their own, and a release has no .git.
    if (self.root / ".git").exists():
      command = ["git", "-C", str(self.root), "ls-files", "-coz", "--exclude-standard"]
      output = subprocess.run(command, check=True, capture_output=True).stdout
      return sorted(set(output.decode().split("\0")) - {""})
    ignored = re.compile(r"^(build|\.build[^/]*|\.git)/")
    names = (str(path.relative_to(self.root)) for path in self.root.rglob("*"))
    return sorted(name for name in names if not ignored.match(name))

  def swift(self):
    """Swift files below Sources as (name, module, lines)."""
    for name, lines in self.lines.items():
      parts = name.split("/")
      if parts[0] == "Sources" and len(parts) > 2 and name.endswith(".swift"):
        yield name, parts[1], lines

  def code(self):
    """Files that are program text: Swift, C, Python and shell (by suffix or first line)."""
    suffixes = {".swift", ".c", ".h", ".cpp", ".py", ".sh", ".pl", ".php", ".map"}
    for name, lines in self.lines.items():
      if pathlib.PurePath(name).suffix in suffixes or lines[0].startswith("#!"):
        yield name, lines


def layers(tree):
  for name, module, lines in tree.swift():
    if module in C_MODULES:
      yield name, 1, "a C module has no Swift"
    elif module not in LAYERS:
      yield name, 1, f"module {module} has no place in LAYERS (Tests/Tidy/tidy.py)"
    else:
      for number, line in enumerate(lines, 1):
        match = IMPORT.match(line)
        if match and match[1] not in LAYERS[module]:
          yield name, number, f"{module} must not import {match[1]}"


def uses_unsafe(lines):
  """The first line with `unsafe` or `@safe` outside of comments and strings, or None."""
  for number, line in enumerate(lines, 1):
    if UNSAFE.search(LINE_COMMENT.sub("", STRING.sub('""', line))):
      return number
  return None


def allowed_unsafe(tree):
  lines = tree.lines.get("Tests/Tidy/unsafe-files", [])
  return {line.strip(): n for n, line in enumerate(lines, 1) if line.strip() and line[0] != "#"}


def unsafe_files(tree):
  allowed, found = allowed_unsafe(tree), set()
  for name, _, lines in tree.swift():
    number = uses_unsafe(lines)
    if number is not None:
      found.add(name)
      if name not in allowed:
        yield name, number, "unsafe code, but not listed in Tests/Tidy/unsafe-files"
  for name, number in allowed.items():
    if name not in found:
      yield "Tests/Tidy/unsafe-files", number, f"{name} has no unsafe code: remove the entry"


def safety_comments(tree):
  for name, _, lines in tree.swift():
    number = uses_unsafe(lines)
    if number is not None and not any(re.search(r"//.*\bSAFETY:", line) for line in lines):
      yield name, number, "unsafe code without any `// SAFETY:` comment"


def file_length(tree):
  for name, lines in tree.code():
    count = len(lines) - (lines[-1] == "")
    test = name.startswith("Tests/")
    limit = MAXIMUM_TEST_LINES if test else MAXIMUM_LINES
    if count > limit:
      yield name, limit + 1, f"{count} lines, at most {limit}"


def machine_paths(tree):
  for name, lines in tree.lines.items():
    # Documents may show a scratch name as an example; programs may not depend on one.
    document = name.endswith(".md")
    for number, line in enumerate(lines, 1):
      if MACHINE_PATH.search(line) or (not document and SCRATCH_PATH.search(line)):
        yield name, number, f"a path of one machine: {line.strip()[:80]}"


def trailing_whitespace(tree):
  for name, lines in tree.lines.items():
    for number, line in enumerate(lines, 1):
      if line != line.rstrip():
        yield name, number, "trailing whitespace"
    if lines[-1] != "" or (len(lines) > 1 and lines[-2] == ""):
      yield name, len(lines), "a file ends with exactly one newline"


def unfinished(tree):
  for name, lines in tree.code():
    for number, line in enumerate(lines, 1):
      if UNFINISHED.search(line):
        yield name, number, "unfinished, without an issue: write it as (#NUMBER) after the word"


RULES = {
  "layers": layers,
  "unsafe-files": unsafe_files,
  "safety-comments": safety_comments,
  "file-length": file_length,
  "machine-paths": machine_paths,
  "trailing-whitespace": trailing_whitespace,
  "unfinished": unfinished,
}


def main(root):
  tree = Tree(root)
  failed = False
  for rule, check in RULES.items():
    problems = list(check(tree))
    for name, number, message in problems:
      print(f"  {name}:{number}: {message}")
    if problems:
      print(f"not ok {rule}: {len(problems)} problems")
      failed = True
    else:
      print(f"ok {rule}")
  return 1 if failed else 0


if __name__ == "__main__":
  sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "."))
