// The lab's power control: a Unix socket on which musterd's driver `lab` switches the virtual nodes, one JSON line each way.
import { createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { reasonOf } from '../src/errors.ts';
import type { Machine } from './machine.ts';
import { qmp } from './qmp.ts';

interface Reply {
  state?: 'on' | 'off';
  problem?: string;
}

/** Serves until the returned function is called. */
export async function servePower(socketPath: string, nodes: readonly Machine[]): Promise<() => Promise<void>> {
  const connections = new Set<Socket>();
  const server = createServer(socket => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
    // The client has gone: its request is carried out anyway.
    socket.on('error', () => {});
    createInterface({ input: socket }).on('line', line => {
      void answer(line, nodes).then(reply => socket.writable && socket.write(`${JSON.stringify(reply)}\n`));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(socketPath, resolve);
  });
  return async () => {
    for (const socket of connections) socket.destroy();
    await new Promise(resolve => server.close(resolve));
  };
}

async function answer(line: string, nodes: readonly Machine[]): Promise<Reply> {
  try {
    const { node, action } = JSON.parse(line) as { node: string; action: string };
    const machine = nodes.find(({ name }) => name === node);
    return machine ? await act(machine, action) : { problem: `the lab has no node '${node}'` };
  } catch (error) {
    return { problem: reasonOf(error) };
  }
}

async function act(machine: Machine, action: string): Promise<Reply> {
  switch (action) {
    case 'status':
      break;
    case 'on':
      await machine.powerOn();
      break;
    case 'off':
      await machine.powerOff();
      break;
    case 'cycle':
      await machine.powerOff();
      await machine.powerOn();
      break;
    case 'reset':
      await qmp(machine.qmpSocket, 'system_reset');
      break;
    case 'boot pxe':
      // The network is first at every boot.
      break;
    case 'boot disk':
      return { problem: 'the machines of the lab boot from the network first, always' };
    default:
      return { problem: `the lab cannot '${action}'` };
  }
  return { state: machine.pid === undefined ? 'off' : 'on' };
}
