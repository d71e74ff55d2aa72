import { randomUUID } from 'node:crypto';
import test from 'ava';
import { Cluster } from '../../src/model/cluster.ts';
import { firstObjects } from '../../src/model/first-objects.ts';
import { parseSubnet, type Subnet } from '../../src/wire/ip.ts';

test('a new cluster begins in a network of any size', t => {
  const poolIn = (address: string): unknown => {
    const newUid = (): string => randomUUID().replaceAll('-', '');
    const network = parseSubnet(address) as Subnet;
    const { changes } = firstObjects({ cluster: new Cluster(), network, newUid });
    return changes.find(({ kind }) => kind === 'pool')?.value;
  };
  t.like(poolIn('10.54.0.1/24'), { ip_base: '10.54.0.100', size: 155 });
  t.like(poolIn('10.54.0.1/30'), { ip_base: '10.54.0.2', size: 1 });
  t.like(poolIn('10.54.0.1/16'), { ip_base: '10.54.128.0', size: 32_767 });
  t.like(poolIn('10.0.0.1/8'), { ip_base: '10.128.0.0', size: 1_000_000 });
});
