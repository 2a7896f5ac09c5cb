// A node:test reporter that writes one line of JSON: how many tests passed, failed and were skipped, why each was skipped, and what tests say they measured.
/** How a test's diagnostic starts that belongs into the summary of a run. */
const measured = "measured: ";

export default async function* tally(source) {
  const count = { passed: 0, failed: 0, skipped: 0, reasons: [], measured: [] };
  for await (const { type, data } of source) {
    if (type === "test:diagnostic" && data.message.startsWith(measured)) count.measured.push(data.message.slice(measured.length));
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
