import test, { type ExecutionContext } from 'ava';
import { MusterError } from '../../src/errors.ts';
import { planAttributes, planCreate, planUpdate } from '../../src/model/changes.ts';
import { FakeCluster } from '../fakes/cluster.ts';

const [A, B, C] = ['52:54:00:00:00:01', '52:54:00:00:00:02', '52:54:00:00:00:03'];

function refused(t: ExecutionContext, work: () => unknown, text: RegExp): void {
  const error = t.throws(work, { instanceOf: MusterError, message: text });
  t.is(error?.code, 'duplicate');
}

function world() {
  const fake = new FakeCluster();
  const n0 = fake.create('node', {
    mac: A,
    attributes: { _altmacs: C, _macs: 'bmc=52:54:00:00:00:b0', _ips: 'bmc=10.54.0.240' },
  });
  const n1 = fake.create('node', { mac: B });
  return { fake, n0, n1 };
}

test('an address that another node answers to is refused, wherever it stands', t => {
  const { fake, n1 } = world();
  const { cluster } = fake;
  const set = (name: string, value: string) => () => planAttributes(cluster, 'node', [n1], { [name]: value });
  refused(
    t,
    set('_altmacs', A),
    /^n1: the hardware address 52:54:00:00:00:01 is that of n0 already; nothing was changed\.$/,
  );
  refused(t, set('_altmacs', `52:54:00:00:00:09,${C}`), /00:03 is that of n0 already/);
  refused(t, () => planCreate(fake.context(), 'node', [{ mac: C }]), /00:03 is that of n0 already/);
  refused(t, () => planUpdate(fake.context(), 'node', [n1], { mac: '52:54:00:00:00:b0' }), /b0 is that of n0 already/);
  const bmc = { _macs: 'bmc=52:54:00:00:00:b0', _ips: 'bmc=10.54.0.241' };
  refused(t, () => planAttributes(cluster, 'node', [n1], bmc), /b0 is that of n0 already/);
});

test('a controller gets no address that another has', t => {
  const { fake, n0, n1 } = world();
  const bmc = (ip: string) => () =>
    planAttributes(fake.cluster, 'node', [n1], { _macs: 'bmc=52:54:00:00:00:b1', _ips: `bmc=${ip}` });
  refused(t, bmc('10.54.0.240'), /^n1: the controller's address 10\.54\.0\.240 is that of the controller of n0;/);
  refused(t, bmc(n0.value.ip), /is that of n0;/);
  t.notThrows(bmc('10.54.0.241'));
});

test('one address for several nodes at once is refused; a swap, its own again, and other changes are not', t => {
  const { fake, n0, n1 } = world();
  const { cluster } = fake;
  refused(t, () => planAttributes(cluster, 'node', [n0, n1], { _altmacs: '52:54:00:00:00:09' }), /00:09 is that of n0/);
  refused(
    t,
    () =>
      planCreate(fake.context(), 'node', [
        { mac: '52:54:00:00:00:0a' },
        { mac: '52:54:00:00:00:0b', attributes: { _altmacs: '52:54:00:00:00:0a' } },
      ]),
    /00:0a is that of/,
  );
  t.notThrows(() => planAttributes(cluster, 'node', [n0], { _altmacs: `${C},${A}` }));
  t.notThrows(() => planAttributes(cluster, 'node', [n0, n1], { rack: '1' }));
  // A clash that is there from before keeps nobody from other changes.
  fake.change(n1, { attributes: { _altmacs: C } });
  const now = cluster.get('node', n1.uid);
  t.notThrows(() => now && planAttributes(cluster, 'node', [now], { rack: '2' }));
});
