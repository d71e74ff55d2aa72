// One change from a request: who and what for the audit trail, If-Match, and the decision in its turn.
import type { FastifyRequest } from 'fastify';
import type { Plan } from '../model/changes.ts';
import type { Entry } from '../model/cluster.ts';
import { checkIfMatch } from './commander.ts';
import type { Changed } from './contract.ts';
import type { AdminPorts } from './ports.ts';
import { isDryRun, type Query, whatOf, whoOf } from './requests.ts';

export type Asked = FastifyRequest<{ Querystring: Query; Params: { id: string } }>;

/** The objects are chosen, and the change decided, when it is this command's turn: on the objects of that moment. */
export async function change<T extends Entry>(
  ports: Pick<AdminPorts, 'commander' | 'cluster'>,
  request: Asked,
  fallback: string,
  choose: () => readonly T[],
  plan: (entries: readonly T[]) => Plan & { broken?: string[] },
): Promise<Changed> {
  return ports.commander.perform({
    who: whoOf(request),
    what: whatOf(ports.cluster, request, fallback),
    dryRun: isDryRun(request.query),
    plan: () => {
      const entries = choose();
      checkIfMatch(request.headers['if-match'], entries);
      return plan(entries);
    },
  });
}
