import test from 'ava';
import { type KickstartValues, problemText, renderKickstart } from '../../src/boot/kickstart.ts';
import { kickstartValues } from '../../src/boot/kickstart-values.ts';
import { parseSubnet, type Subnet } from '../../src/wire/ip.ts';
import { FakeCluster } from '../fakes/cluster.ts';

function values(
  more: { attributes?: Record<string, string>; hardware?: Record<string, string> } = {},
): KickstartValues {
  const fake = new FakeCluster();
  const { node } = fake.bootable();
  fake.change(node, { attributes: more.attributes ?? {} });
  return kickstartValues({
    cluster: fake.cluster,
    node: fake.cluster.get('node', node.uid) ?? node,
    hardware: more.hardware ?? {},
    head: {
      ...{
        name: 'head1',
        subnet: parseSubnet('10.54.0.1/24') as Subnet,
        address: '10.54.0.1',
        port: 8080,
        router: '10.54.0.254',
      },
      ...{
        dns: ['10.54.0.1', '10.54.0.2'],
        domain: 'cluster.local',
        lang: 'de_DE.UTF-8',
        keymap: 'de',
        timezone: 'UTC',
      },
    },
    url: 'http://10.54.0.1:8080/boot/v1/SESSION',
    enrol: 'ENROLMENT',
  });
}

function rendered(text: string, more: Parameters<typeof values>[0] = {}): string {
  const result = renderKickstart(text, values(more));
  return 'text' in result ? result.text : problemText('f', result.problems);
}

test('the placeholders of the facts, by full name and by initial', t => {
  t.is(rendered('<node[ip]> <n[mac]>'), '10.54.0.100 52:54:00:54:00:01');
  t.is(rendered('<a[_boot_config]> <attributes[x]>', { attributes: { x: 'a b' } }), 'DefaultBoot a b');
  t.is(rendered('<hardware[mac]> <h[cpus]>', { hardware: { cpus: '2' } }), '52:54:00:54:00:01 2');
  t.is(
    rendered('<head[lang]> <h[timezone]> <head[netmask]> <head[dns]>'),
    'de_DE.UTF-8 UTC 255.255.255.0 10.54.0.1,10.54.0.2',
  );
  t.is(
    rendered('<session_url()>/x <installed_url()>'),
    'http://10.54.0.1:8080/boot/v1/SESSION/x http://10.54.0.1:8080/boot/v1/SESSION/installed',
  );
  t.is(rendered('<node[hostname]>', { attributes: { _hostname: 'login.example.org' } }), 'login.example.org');
});

test('what only looks like one stays: redirections, tags, shell and regular expressions; a backslash keeps one', t => {
  const text =
    'cat <<EOF >/x\n<b>[x]</b> a<b && c>d <node> <node []> < node[ip]> <node[ip] > "<$x[1]>" sed s/\\<x[0-9]\\>//\n';
  t.is(rendered(text), text);
  t.is(rendered('\\<node[ip]> \\<what()>'), '<node[ip]> <what()>');
});

test('a value that looks like a placeholder is not filled in again, and `$&` in it is text', t => {
  t.is(rendered('<a[x]>', { attributes: { x: '<node[ip]>$&$1' } }), '<node[ip]>$&$1');
});

test('every problem has line and column, counted in characters, and the nearest right word', t => {
  t.is(
    rendered('größe <nope[x]>\n\t<node[ipp]>\n<head[secret]> <root_uri()> <root_url()>'),
    [
      "f:1:7: <nope[x]> is unknown: there are <node[…]>, <attributes[…]>, <hardware[…]>, <head[…]>; did you mean 'node'?",
      "f:2:2: <node[ipp]> has no value: node has no 'ipp'; did you mean 'ip'?",
      "f:3:1: <head[secret]> has no value: head has no 'secret'",
      "f:3:16: <root_uri()> is unknown: there are <root_url()>, <session_url()>, <enroll()>, <report_url()>, <installed_url()>; did you mean 'root_url'?",
      'f:3:29: <root_url()> has no value: the boot config DefaultBoot names no repo with a URL',
    ].join('\n'),
  );
  t.is(rendered('<session_url(x)>'), 'f:1:1: <session_url(x)> takes nothing between its parentheses');
  t.is(rendered('<node[power_uri]>'), "f:1:1: <node[power_uri]> has no value: node has no 'power_uri'");
  t.is(rendered('<node[__proto__]>'), "f:1:1: <node[__proto__]> has no value: node has no '__proto__'");
  t.is(rendered('<constructor[x]>').split(':').slice(0, 3).join(':'), 'f:1:1');
  t.is(rendered('<node[x]>\n'.repeat(50)).split('\n').length, 10);
});

test('a megabyte of brackets is done in no time', t => {
  t.timeout(20_000);
  t.is(rendered('<a['.repeat(300_000)).length, 900_000);
});
