// Routes of power, exec and consoles: each answer is a stream, a JSON object a line, because nodes take their time.

import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { monotonicNow } from '../clock.ts';
import { MusterError, reasonOf } from '../errors.ts';
import type { Entry } from '../model/cluster.ts';
import { POWER_SCHEMES } from '../model/power-uri.ts';
import { own } from '../own.ts';
import type { PowerControl } from '../power/control.ts';
import { DRIVERS } from '../power/drivers.ts';
import { execOn } from '../ssh/exec.ts';
import { about, SELECTION } from './about.ts';
import type { ExecLine, PowerLine, ShownDriver, SshWay } from './contract.ts';
import { LINES, streamed } from './lines.ts';
import type { AdminPorts } from './ports.ts';
import { EXEC_BODY, POWER_BODY, readExec, readPower } from './power-requests.ts';
import { waitForNodes } from './power-wait.ts';
import { isDryRun, type Query, selected, selectedOne, whatOf, whoOf } from './requests.ts';

type Asked = FastifyRequest<{ Querystring: Query }>;

export function powerRoutes(server: FastifyInstance, ports: AdminPorts): void {
  const { power } = ports;
  server.post(
    '/api/v1/nodes/power',
    about('Switches nodes, or asks for their power; a result a line, as it comes.', {
      query: [...SELECTION, 'dry_run'],
      body: POWER_BODY,
      raw: LINES,
    }),
    async (request: Asked, reply) => {
      const { wait, timeoutMs, ...wanted } = readPower(request.body);
      const entries = selected(ports, 'node', request.query);
      const dryRun = isDryRun(request.query);
      if (wanted.action !== 'status' && !dryRun) await audited(ports, request, `power ${wanted.action}`, entries);
      return streamed<PowerLine>(reply, async (tell, signal) => {
        const nodes = entries.map(entry => power.node(entry));
        if (dryRun) {
          for (const { uid, name } of nodes)
            tell({ type: 'result', uid, name, text: `would be asked: ${wanted.action}` });
          return;
        }
        const begun = monotonicNow();
        const results: Promise<void>[] = [];
        await power.control.act(
          nodes,
          { ...wanted, who: whoOf(request) },
          result => {
            if (!wait || result.code || wanted.action === 'status') tell({ type: 'result', ...result });
            else results.push(waitForNodes(ports, { result, action: wanted.action, begun, timeoutMs, signal, tell }));
          },
          signal,
        );
        await Promise.all(results);
      });
    },
  );
  server.post(
    '/api/v1/nodes/exec',
    about('Runs a command on nodes by ssh; its lines and how it ended, a line each, as they come.', {
      query: [...SELECTION, 'dry_run'],
      body: EXEC_BODY,
      raw: LINES,
    }),
    async (request: Asked, reply) => {
      const wanted = readExec(request.body, power.execFanout);
      const key = power.key();
      const entries = selected(ports, 'node', request.query);
      if (isDryRun(request.query))
        throw new MusterError('bad-usage', 'exec cannot know what a command would do; leave out --dry-run.');
      await audited(ports, request, 'exec', entries);
      return streamed<ExecLine>(reply, async (tell, signal) => {
        const nodes = await Promise.all(entries.map(async entry => power.address(entry)));
        await execOn(nodes, key, wanted, tell, signal);
      });
    },
  );
  server.get(
    '/api/v1/nodes/ssh',
    about('How the head reaches one node by ssh: address, key file, known hosts.', {
      query: SELECTION,
      data: 'the way',
    }),
    async (request: Asked) => {
      const { name, ip, knownHosts } = await power.address(selectedOne(ports, 'node', request.query));
      const way: SshWay = { name, ip, key: power.key().file, ...(knownHosts && { known_hosts: knownHosts }) };
      return { success: true, data: way };
    },
  );
  server.get(
    '/api/v1/power/drivers',
    about("The power drivers, muster's own and the site's, and which of them cannot be used.", { data: 'the drivers' }),
    async () => ({ success: true, data: await shownDrivers(power.control) }),
  );
  server.get(
    '/api/v1/power/key',
    about("The head's public ssh key, as a line of authorized_keys.", { data: 'the line' }),
    async () => ({ success: true, data: power.key().publicKey }),
  );
  server.post(
    '/api/v1/nodes/console',
    about("The node's serial console: the body is the keyboard, the answer the screen, until one of them ends.", {
      query: SELECTION,
      body: { type: 'string', contentMediaType: 'application/octet-stream' },
      raw: 'application/octet-stream',
    }),
    async (request: Asked, reply) => openConsole(ports, request, reply),
  );
}

async function openConsole(ports: AdminPorts, request: Asked, reply: FastifyReply): Promise<FastifyReply> {
  const { power } = ports;
  const entry = selectedOne(ports, 'node', request.query);
  const keyboard = request.body;
  if (!(keyboard instanceof Readable))
    throw new MusterError('bad-usage', 'The keyboard comes as application/octet-stream.');
  const target = await power.control.open(power.node(entry));
  if (!target.console) throw new MusterError('power-failed', `${target.name} has no console that muster can open.`);
  const words = target.console();
  await audited(ports, request, 'console', [entry]);
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Cache-Control': 'no-store' });
  raw.flushHeaders();
  const node = { uid: entry.uid, name: entry.value.name };
  try {
    await power.consoles.attach(node, async () => words, keyboard, raw);
  } catch (error) {
    raw.end(`\r\nERROR: ${reasonOf(error)}\r\n`);
  }
  return reply;
}

/** A line of the audit trail with the nodes it is about; the command in it has no passwords. */
async function audited(
  ports: AdminPorts,
  request: Asked,
  fallback: string,
  entries: readonly Entry<'node'>[],
): Promise<void> {
  const objects = entries.map(({ kind, uid, value }) => ({ kind, uid, name: value.name }));
  await ports.store.commit({
    who: whoOf(request),
    what: whatOf(ports.cluster, request, fallback),
    changes: [],
    about: objects,
  });
}

async function shownDrivers(control: PowerControl): Promise<ShownDriver[]> {
  const { plugins } = await control.drivers();
  return [
    ...DRIVERS.map(({ scheme }): ShownDriver => ({ scheme, form: own(POWER_SCHEMES, scheme)?.form ?? '' })),
    ...plugins.map(
      ({ scheme, file, problem }): ShownDriver => ({
        scheme,
        form: `${scheme}://…`,
        file,
        ...(problem && { problem }),
      }),
    ),
  ];
}
