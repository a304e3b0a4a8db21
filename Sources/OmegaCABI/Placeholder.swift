// Nothing here yet; delete this file with the first source.
