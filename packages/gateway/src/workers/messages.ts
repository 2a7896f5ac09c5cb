import type { Report } from "./reports.ts";

/** ToWorker is what the primary tells a worker. */
export type ToWorker =
  /** A connection comes with this message; it came in at this of the places where the primary listens. */
  | { readonly kind: "connection"; readonly id: number; readonly at: number }
  /** Certificates may have changed. */
  | { readonly kind: "look" }
  /** Say how you are doing. */
  | { readonly kind: "report"; readonly round: number }
  /** Finish what is in flight, and end. */
  | { readonly kind: "drain" };

/** ToPrimary is what a worker tells the primary. */
export type ToPrimary =
  /** The worker takes connections from now on. */
  | { readonly kind: "ready" }
  /** The connection is the worker's: the primary lets go of it. */
  | { readonly kind: "taken"; readonly id: number }
  /** How the worker is doing, in answer to the question of this round. */
  | { readonly kind: "report"; readonly round: number; readonly report: Report };
