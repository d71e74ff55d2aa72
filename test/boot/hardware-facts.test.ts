import test from 'ava';
import { hardwareFacts } from '../../src/boot/hardware-facts.ts';
import { factsBelow, readFacts } from '../../src/boot/plane/facts.ts';

test('facts of the hardware have the form of their kind: they go into files of other nodes', t => {
  const good = {
    ...{ cpus: '64', memory_kb: '263000000', cpu_model: 'AMD EPYC @ 2.4 GHz; 64', arch: 'x86_64' },
    ...{ kernel: '6.1.0-13-amd64+x~1', macs: '52:54:00:00:00:01 52:54:00:00:00:02', serial: 'A; B' },
  };
  t.deepEqual(hardwareFacts(good), good);
  const bad = {
    ...{ cpus: '1 NodeAddr=10.0.0.66', memory_kb: '1;@n9', sockets: '-1', cores_per_socket: '1e9', arch: 'x"y' },
    ...{ kernel: '6.1 x', macs: 'x' },
  };
  t.deepEqual(hardwareFacts(bad), {});
  const body = 'token=x\nhardware.cpus=1 State=DOWN\nhardware.memory_kb=1000\n';
  t.deepEqual(hardwareFacts(factsBelow(readFacts(body), 'hardware')), { memory_kb: '1000' });
});
