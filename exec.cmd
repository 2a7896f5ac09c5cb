@rem `exec` in a package script replaces a Unix shell, so that its status after Ctrl-C is the program's; cmd.exe has no such word and finds this.
@%*
