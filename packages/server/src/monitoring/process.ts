import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import type { Family } from "@tfs/std/metrics";
import { family, type Levels } from "./levels.ts";

/** How often the event loop's lag is looked at: seldom enough that nobody notices. */
const resolutionMs = 50;

const stats = [
  ["median", 50],
  ["p99", 99],
  ["max", 100],
] as const;

/** ProcessLevels are levels of this process. Closing them stops looking at the event loop. */
export interface ProcessLevels {
  readonly levels: Levels;
  close(): void;
}

/** newProcessLevels gives levels since the process began; lag since somebody looked last, and none to who looks first: to watch the event loop wakes an idle process. */
export function newProcessLevels(): ProcessLevels {
  const lag = monitorEventLoopDelay({ resolution: resolutionMs });
  const one = (kind: Family["kind"], name: string, help: string, value: number): Family => family(kind, name, help, [], [{ values: [], value }]);
  return {
    levels() {
      const cpu = process.cpuUsage();
      const memory = process.memoryUsage();
      const { active } = performance.eventLoopUtilization();
      const beyond = (ns: number): number => Math.max(0, ns / 1e9 - resolutionMs / 1000); // the histogram holds times between two looks
      const families = [
        one("counter", "process_cpu_seconds_total", "Processor time, of user and system.", (cpu.user + cpu.system) / 1e6),
        one("gauge", "process_resident_memory_bytes", "Memory that is resident.", memory.rss),
        one("gauge", "process_heap_bytes", "Memory of JavaScript objects that is used.", memory.heapUsed),
        one("gauge", "process_external_memory_bytes", "Memory of buffers and arrays outside of that.", memory.external),
        one("gauge", "process_start_time_seconds", "When the process began, since 1970.", performance.timeOrigin / 1000),
        one("counter", "tfs_event_loop_active_seconds_total", "Time in which the event loop did something.", active / 1000),
        family(
          "gauge",
          "tfs_event_loop_lag_seconds",
          "By how much timers were late since the last look.",
          ["stat"],
          stats.map(([stat, percent]) => ({ values: [stat], value: lag.count === 0 ? 0 : beyond(lag.percentile(percent)) })),
        ),
      ];
      lag.reset();
      lag.enable();
      return families;
    },
    close: () => void lag.disable(),
  };
}
