// The daemon itself: its health, its configuration, the audit trail, events, leases, and this API's own description.
import { NODE_STATES } from '../boot/states.ts';
import type { Config } from '../config-keys.ts';
import type { Zod } from '../issue.ts';
import { bootEvent } from './boots.ts';
import { type Data, type Operations, type Out, READ } from './operation.ts';
import { whole } from './parameters.ts';

const health = (z: Zod) =>
  z.object({
    version: z.string(),
    name: z.string(),
    pid: z.number(),
    uptime: z.number().describe('seconds'),
    memory: z.number().describe('bytes'),
    address: z.string(),
    http_port: z.number(),
    sequence: z.number(),
    nodes: z
      .object({
        addressed: z.number(),
        attached: z.number(),
        homeless: z
          .object({ count: z.number(), nodes: z.string() })
          .optional()
          .describe('nodes with an address on no known network, as a node set'),
      })
      .optional()
      .describe("nodes with an address, and how many of them are on a network of one of the head's own interfaces"),
    dhcp: z
      .array(
        z.object({
          interface: z.string(),
          hears: z.enum(['its own', 'all', 'nothing']),
          reason: z.string().optional(),
        }),
      )
      .optional()
      .describe('which broadcasts DHCP receives on each interface; absent when it is off'),
    tftp: z
      .object({
        active: z.number(),
        finished: z.number(),
        failed: z.number(),
        refused: z.number(),
        ignored: z.number(),
        bytes: z.number().describe('delivered'),
        cachedBytes: z.number().describe('bytes of files in memory'),
      })
      .optional(),
  });
export type Health = Out<typeof health>;

const event = (z: Zod) => {
  const at = z.number().describe('milliseconds since 1970');
  return z.discriminatedUnion('type', [
    z.object({
      type: z.literal('change'),
      at,
      sequence: z.number(),
      who: z.string(),
      what: z.string(),
      names: z.array(z.string()),
    }),
    z.object({ type: z.literal('boot'), at, node: z.string(), boot: z.string(), event: bootEvent(z) }),
    z.object({ type: z.literal('state'), at, node: z.string(), state: z.enum(NODE_STATES) }),
    z.object({ type: z.literal('power'), at, node: z.string(), text: z.string(), error: z.boolean().optional() }),
  ]);
};
export type Happening = Out<typeof event>;

export const DAEMON = {
  health: {
    ...READ,
    path: '/health',
    output: health,
    summary: 'The daemon: version, process, memory, addresses.',
  },
  time: {
    ...READ,
    path: '/cluster/time',
    output: z => z.number().describe('milliseconds since 1970'),
    summary: "The head's clock.",
  },
  configuration: {
    ...READ,
    path: '/configuration',
    output: z =>
      z.object({
        file: z.string().nullable().describe('the absolute path of its file; null for the defaults'),
        values: z.custom<Config>().describe('each key with its value in use'),
      }),
    summary: 'The configuration in use: its file, and each key with its value.',
  },
  whoami: {
    ...READ,
    path: '/whoami',
    output: z => z.object({ user: z.string(), version: z.string(), head: z.string() }),
    summary: 'The caller, as the audit trail names it.',
  },
  audit: {
    ...READ,
    path: '/audit',
    query: {
      after: z => whole(z, 0).default(0).describe('only lines after this sequence number'),
      limit: z => whole(z, 1).default(100).describe('at most this many lines, the newest; default 100'),
      node: z => z.string().optional().describe('only lines that changed this node'),
      uid: z => z.string().optional().describe('only lines that changed the object of this UID, even if it is deleted'),
    },
    output: z =>
      z.array(
        z.object({
          sequence: z.number(),
          at: z.number().describe('milliseconds since 1970'),
          who: z.string(),
          what: z.string(),
          objects: z.array(z.object({ kind: z.string(), uid: z.string(), name: z.string() })),
        }),
      ),
    summary: 'The audit trail: who changed what, newest last.',
  },
  leases: {
    ...READ,
    path: '/leases',
    output: z =>
      z.array(
        z.object({
          ip: z.string(),
          mac: z.string(),
          network: z.string(),
          state: z
            .enum(['active', 'expired', 'declined'])
            .describe('`declined`: another machine was found to use the address'),
          hostname: z.string().describe('the host name that the machine sends; may be empty'),
          vendor: z.string().describe('its vendor class; may be empty'),
          since: z.number().describe('milliseconds since 1970, like the other times'),
          renewed: z.number(),
          until: z.number(),
          node: z.string().optional().describe('the node that the machine has become'),
        }),
      ),
    summary: 'Addresses that are, or were, lent to machines that are not nodes, ordered by address.',
  },
  events: {
    method: 'GET',
    path: '/events',
    output: event,
    reply: 'lines',
    // Events are also in the timelines and the audit trail
    unread: 1 << 20,
    may: 'read',
    summary: 'All events, one JSON object per line, until the caller hangs up.',
  },
  metrics: {
    method: 'GET',
    path: '/metrics',
    reply: 'text/plain; version=0.0.4; charset=utf-8',
    may: 'read',
    summary: 'Figures of boots, transfers, nodes and the process, for Prometheus.',
  },
  openapi: { method: 'GET', path: '/openapi.json', reply: 'application/json', may: 'read', summary: 'This document.' },
} as const satisfies Operations;

export type RunningConfig = Data<typeof DAEMON.configuration>;
export type AuditLine = Data<typeof DAEMON.audit>[number];
export type ShownLease = Data<typeof DAEMON.leases>[number];
