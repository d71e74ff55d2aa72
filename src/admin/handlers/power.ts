// Answers requests for power, commands and consoles.
import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { CAPTURE_TRAILERS, type POWER, type PowerLine, type PowerRequest, type ShownDriver } from '../../api/power.ts';
import { monotonicNow } from '../../clock.ts';
import { MusterError, reasonOf } from '../../errors.ts';
import { PACK_NODE } from '../../image/pack-node.ts';
import type { Entry } from '../../model/cluster.ts';
import { isSoft, POWER_ACTIONS } from '../../model/power-actions.ts';
import { POWER_SCHEMES } from '../../model/power-uri.ts';
import { own } from '../../own.ts';
import type { PowerControl } from '../../power/control.ts';
import { DRIVERS } from '../../power/drivers.ts';
import { execOn } from '../../ssh/exec.ts';
import { runScript } from '../../ssh/pack.ts';
import type { Asked, Handlers, Lines, Raw } from '../handler.ts';
import type { AdminPorts } from '../ports.ts';
import { waitForNodes } from '../power-wait.ts';
import { audited, selected, selectedOne } from '../requests.ts';

export const powerHandlers: Handlers<typeof POWER> = {
  power: async (asked, ports) => {
    checkPower(asked.body);
    const entries = selected(ports, 'node', asked.query);
    if (asked.query.dry_run) return dryPower(ports, asked.body, entries);
    if (asked.body.action !== 'status') await audited(ports, asked, entries);
    return switched(ports, asked, entries);
  },
  exec: async (asked, ports) => {
    const { power } = ports;
    const { command, input, fanout = power.execFanout, timeout } = asked.body;
    const key = power.key();
    const entries = selected(ports, 'node', asked.query);
    if (asked.query.dry_run)
      throw new MusterError('bad-usage', 'exec cannot predict what a command would do; leave out --dry-run.');
    await audited(ports, asked, entries);
    const wanted = {
      command,
      fanout: Math.max(1, Math.floor(fanout)),
      ...(input !== undefined && { input: Buffer.from(input, 'base64') }),
      ...(timeout !== undefined && { timeoutMs: timeout * 1000 }),
    };
    return async (tell, gone) => {
      const nodes = await Promise.all(entries.map(async entry => power.address(entry)));
      await execOn(nodes, key, wanted, tell, gone);
    };
  },
  ssh: async ({ query }, ports) => {
    const { name, ip, knownHosts } = await ports.power.address(selectedOne(ports, 'node', query));
    return { name, ip, key: ports.power.key().file, ...(knownHosts && { known_hosts: knownHosts }) };
  },
  drivers: async (_asked, { power }) => shownDrivers(power.control),
  key: (_asked, { power }) => power.key().publicKey,
  console: async (asked, ports) => openConsole(ports, asked),
  capture: async (asked, ports) => capture(ports, asked),
};

/** Some parameters apply to some actions only. A wrong one must not switch anything. */
function checkPower({ action, way, next }: PowerRequest): void {
  if (way && !isSoft(action))
    throw new MusterError('bad-usage', `'way' applies to reboot and shutdown, not to ${action}.`);
  if (next && POWER_ACTIONS[action].ends !== 'up')
    throw new MusterError('bad-usage', `'next' does not apply to ${action}: there is no next boot.`);
}

function dryPower(
  { power }: AdminPorts,
  { action }: PowerRequest,
  entries: readonly Entry<'node'>[],
): Lines<PowerLine> {
  return async tell => {
    for (const { uid, name } of entries.map(entry => power.node(entry)))
      tell({ type: 'result', uid, name, text: `would be asked: ${action}` });
  };
}

function switched(
  ports: AdminPorts,
  { body, who }: Asked<typeof POWER.power>,
  entries: readonly Entry<'node'>[],
): Lines<PowerLine> {
  const { wait, timeout, ...wanted } = body;
  const { action } = wanted;
  return async (tell, signal) => {
    const begun = monotonicNow();
    const results: Promise<void>[] = [];
    await ports.power.control.act(
      entries.map(entry => ports.power.node(entry)),
      { ...wanted, who },
      result => {
        if (!wait || result.code || action === 'status') tell({ type: 'result', ...result });
        else results.push(waitForNodes(ports, { result, action, begun, timeoutMs: timeout * 1000, signal, tell }));
      },
      signal,
    );
    await Promise.all(results);
  };
}

async function openConsole(ports: AdminPorts, asked: Asked<typeof POWER.console>): Promise<Raw> {
  const { power } = ports;
  const entry = selectedOne(ports, 'node', asked.query);
  const target = await power.control.open(power.node(entry));
  if (!target.console) throw new MusterError('power-failed', `${target.name} has no console that muster can open.`);
  const words = target.console();
  await audited(ports, asked, [entry]);
  return async raw => {
    raw.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Cache-Control': 'no-store' });
    raw.flushHeaders();
    const node = { uid: entry.uid, name: entry.value.name };
    try {
      await power.consoles.attach(node, async () => words, asked.body, raw);
    } catch (error) {
      raw.end(`\r\nERROR: ${reasonOf(error)}\r\n`);
    }
  };
}

/** The head fetches the files by ssh and passes them on. The trailers state how it ended. */
async function capture(ports: AdminPorts, asked: Asked<typeof POWER.capture>): Promise<Raw> {
  const entry = selectedOne(ports, 'node', asked.query);
  if (asked.query.dry_run) throw new MusterError('bad-usage', 'A capture has no dry run.');
  const key = ports.power.key();
  const address = await ports.power.address(entry);
  await audited(ports, asked, [entry]);
  return async raw => {
    const [status, reason] = CAPTURE_TRAILERS;
    raw.writeHead(200, {
      'Content-Type': 'application/x-tar',
      'Cache-Control': 'no-store',
      Trailer: `${status}, ${reason}`,
    });
    try {
      const { output, ended } = runScript(address, key, PACK_NODE, asked.gone);
      const [sent, result] = await Promise.allSettled([pipeline(output, raw, { end: false }), ended]);
      if (result.status === 'rejected') throw result.reason;
      if (sent.status === 'rejected') throw sent.reason;
      endCapture(raw, result.value.status, result.value.stderr);
    } catch (error) {
      // A peer that has disconnected gets no answer.
      if (!raw.destroyed) endCapture(raw, 255, reasonOf(error));
    }
  };
}

function endCapture(raw: ServerResponse, code: number, words: string): void {
  const [status, reason] = CAPTURE_TRAILERS;
  raw.addTrailers({ [status]: String(code), [reason]: encodeURIComponent(words.slice(-2000)) });
  raw.end();
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
