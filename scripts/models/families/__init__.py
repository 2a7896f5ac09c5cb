"""The families of the zoo, a file each: `members()` gives (name, quick, maker). A maker saves a model in a folder and returns signatures with two or more inputs each."""
