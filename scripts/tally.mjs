// A node:test reporter that writes one line of JSON: how many tests passed, failed and were skipped, and why each was skipped.
export default async function* tally(source) {
  const count = { passed: 0, failed: 0, skipped: 0, reasons: [] };
  for await (const { type, data } of source) {
    if (type !== "test:pass" && type !== "test:fail") continue;
    if (data.details?.type === "suite") continue;
    if (data.skip !== undefined || data.todo !== undefined) {
      count.skipped++;
      count.reasons.push(`${data.name}: ${typeof data.skip === "string" ? data.skip : "skipped"}`);
    } else if (type === "test:pass") count.passed++;
    else count.failed++;
  }
  yield `${JSON.stringify(count)}\n`;
}
