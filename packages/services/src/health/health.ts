import { create } from "@bufbuild/protobuf";
import { Health as HealthService, HealthCheckResponseSchema, HealthListResponseSchema } from "@tfs/proto/gen/grpc/health/v1/health_pb.js";
import { type Clock, Code, newError } from "@tfs/std";
import { type Method, type Methods, newForm, newUnary, pathOf } from "../method/index.ts";
import { newWatchers, statusOf } from "./watch.ts";

export interface HealthOptions {
  /** serving tells whether calls for a service are answered now; undefined if there is none of that name. The empty name is the whole. */
  readonly serving: (service: string) => boolean | undefined;
  /** services are the names that there are now, the empty one among them. */
  readonly services: () => readonly string[];
  /** owner is who shuts down when watchers are told so: "the gateway". */
  readonly owner: string;
  readonly clock: Clock;
}

/** Health is grpc.health.v1 of one process. */
export interface Health {
  readonly methods: Methods;
  /** drain tells every watcher how things stand, and ends its call, so that none holds up the end. `serving` must say no by then. */
  drain(): void;
}

/** A question is a name: larger ones are refused. */
const maxRequestBytes = 4096;
/** List of more names than this is refused (health.proto allows it): whoever has so many asks by name. */
const maxListed = 1000;

/**
 * newHealth makes the service. Check of a service that is not known is NotFound; Watch answers SERVICE_UNKNOWN and stays open (health.proto says so); a change
 * reaches watchers within a quarter of a second, a drain at once. There may be 1,000 watchers.
 */
export function newHealth({ serving, services, owner, clock }: HealthOptions): Health {
  const watchers = newWatchers({ serving, owner, clock });
  const { check, list, watch } = HealthService.method;
  const bounds = { maxRequestBytes };
  return {
    methods: new Map<string, Method>([
      newUnary(
        check,
        async (_, { service }) => {
          const known = serving(service);
          if (known === undefined) throw newError(Code.NotFound, `unknown service ${service}`);
          return create(HealthCheckResponseSchema, { status: statusOf(known) });
        },
        bounds,
      ),
      newUnary(
        list,
        async () => {
          const names = services();
          if (names.length > maxListed)
            throw newError(Code.ResourceExhausted, `there are ${names.length} services, more than the ${maxListed} that List tells`);
          return create(HealthListResponseSchema, { statuses: Object.fromEntries(names.map((name) => [name, { status: statusOf(serving(name)) }])) });
        },
        bounds,
      ),
      [pathOf(watch), { kind: "streaming", name: watch.name, ...bounds, open: (call, codec) => watchers.open(call, newForm(watch, codec)) }],
    ]),
    drain: () => watchers.end(),
  };
}
