/** newOpened keeps what is opened from each folder, once in a process; a folder that failed is tried anew. */
export function newOpened<T>(open: (dir: string) => Promise<T>): (dir: string) => Promise<T> {
  const opened = new Map<string, Promise<T>>();
  return (dir) => {
    let found = opened.get(dir);
    if (found === undefined) {
      found = open(dir);
      opened.set(dir, found);
      found.catch(() => opened.delete(dir));
    }
    return found;
  };
}
