// ProxyDHCP: what is answered on ports 67 and 4011 beside a server that gives the addresses (PXE 2.1 §2.2).
import test from 'ava';
import type { Answer } from '../../src/dhcp/answer.ts';
import { decode } from '../../src/dhcp/packet.ts';
import { proxyAnswer } from '../../src/dhcp/proxy.ts';
import { readRequest } from '../../src/dhcp/request.ts';
import { contextOf, directoryOf, FIRMWARE, HEAD, IPXE, ipHex, message, NODE_IP, node } from './build.ts';

const DISCOVER = [53, '01'] as const;
const REQUEST = [53, '03'] as const;
const BIOS = [
  [93, '0000'],
  [60, Buffer.from('PXEClient:Arch:00000:UNDI:002001')],
] as const;

function ask(bytes: Buffer, port: 'server' | 'boot' = 'server', context = contextOf()): Answer {
  const arrival = { network: context.networks.main, broadcast: true };
  return proxyAnswer(readRequest(decode(bytes)), context, arrival, port);
}

function replyTo(bytes: Buffer, port: 'server' | 'boot' = 'server') {
  const result = ask(bytes, port);
  if ('reply' in result) return result;
  throw new Error(JSON.stringify(result));
}

test('PXE 2.1 §2.2.2: an offer without address, of class PXEClient, with server and file', t => {
  const { reply, note } = replyTo(message({}, [DISCOVER, [97, '00'.repeat(17)], ...BIOS]));
  t.deepEqual([reply.yiaddr, reply.siaddr, reply.file], ['0.0.0.0', HEAD, 'undionly.kpxe']);
  t.is(reply.options.get(60)?.toString(), 'PXEClient');
  t.is(reply.options.get(43)?.toString('hex'), '060108ff', 'no boot server is to be discovered');
  t.is(reply.options.get(97)?.length, 17);
  for (const code of [1, 3, 51]) t.false(reply.options.has(code), 'the other server says how the network is');
  t.is(note?.stage, 'offered');
});

test('PXE 2.1 §2.2.3: UEFI asks on port 4011 and gets the file in an ACK', t => {
  const offered = replyTo(message({}, [DISCOVER, ...FIRMWARE]));
  t.false(offered.reply.options.has(43));
  const { reply } = replyTo(message({ ciaddr: NODE_IP }, [REQUEST, ...FIRMWARE]), 'boot');
  t.is(reply.options.get(53)?.readUInt8(0), 5);
  t.is(reply.file, 'snponly.efi');
});

test('iPXE gets its script, and UEFI HTTP boot its URL with class HTTPClient', t => {
  t.is(replyTo(message({}, [DISCOVER, ...IPXE])).reply.file, `http://${HEAD}:8080/boot/v1/script`);
  const { reply } = replyTo(
    message({}, [DISCOVER, [93, '0010'], [60, Buffer.from('HTTPClient:Arch:00016:UNDI:003000')]]),
  );
  t.is(reply.options.get(60)?.toString(), 'HTTPClient');
});

test('a running system, an unknown machine and a relayed reply are left to the other server', t => {
  t.true('refused' in ask(message({}, [DISCOVER])));
  const unknown = ask(message({ mac: '52:54:00:00:00:99' }, [DISCOVER, ...BIOS]));
  t.true('refused' in unknown && unknown.unknown === true);
  t.true('refused' in ask(message({ op: 2 }, [[53, '02'], ...BIOS])));
});

test('the REQUEST to the other server tells whether it gives the address that muster has', t => {
  const right = ask(message({}, [REQUEST, [54, ipHex('10.54.0.2')], [50, ipHex(NODE_IP)], ...BIOS]));
  t.is('accepted' in right ? right.note?.detail : '', 'x86 BIOS (0): 10.54.0.100 from 10.54.0.2');
  const wrong = ask(message({}, [REQUEST, [54, ipHex('10.54.0.2')], [50, ipHex('10.54.0.77')], ...BIOS]));
  t.regex(wrong.note?.error ?? '', /10\.54\.0\.2 gives n0 the address 10\.54\.0\.77, and muster has 10\.54\.0\.100/);
});

test('a node with _no_boot gets no answer', t => {
  const ignored = contextOf({ directory: directoryOf({ ...node, ignore: '_no_boot is set' }) });
  t.true('refused' in ask(message({}, [DISCOVER, ...BIOS]), 'server', ignored));
});
