/** Case is one case of an h2spec report. */
export interface Case {
  /** id is what h2spec takes as an argument to run just this case: `http2/5.1/8`. */
  readonly id: string;
  readonly says: string;
  /** failure tells what was expected and what came; undefined means passed. */
  readonly failure: string | undefined;
}

/** parseReport reads the JUnit report that h2spec 2.2.1 writes: cases in order within each section, a failed one with an <error>. */
export function parseReport(xml: string): readonly Case[] {
  const seen = new Map<string, number>();
  return [...xml.matchAll(/<testcase package="([^"]*)" classname="([^"]*)"[^>]*>([\s\S]*?)<\/testcase>/g)].map(([, section = "", says = "", body = ""]) => {
    const index = (seen.get(section) ?? 0) + 1;
    seen.set(section, index);
    const failure = body.trim() === "" ? undefined : plain(body.replace(/<[^>]*>/g, "").trim());
    return { id: `${section}/${index}`, says: plain(says), failure };
  });
}

const entities: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", "#34": '"', "#39": "'", "#xA": "\n", "#x9": "\t" };

function plain(text: string): string {
  return text.replace(/&([#\w]+);/g, (whole, name: string) => entities[name] ?? whole);
}
