/** state is where a version stands in its life; the numbers are ModelVersionStatus.State's (get_model_status.proto). */
export const state = { start: 10, loading: 20, available: 30, unloading: 40, end: 50 } as const;
export type State = (typeof state)[keyof typeof state];

const names = new Map<State, string>(Object.entries(state).map(([name, number]) => [number, name]));

/** stateName gives the name, such as "available". */
export function stateName(s: State): string {
  return names.get(s)!;
}
