import test from 'ava';
import { CONFIG_KEYS, defaultConfig, loadConfig, parseConfig } from '../src/config.ts';
import { MusterError } from '../src/errors.ts';

function problemOf(content: string): string {
  try {
    parseConfig(content, '/etc/muster/muster.toml');
  } catch (error) {
    if (error instanceof MusterError && error.code === 'bad-config') return error.message;
    throw error;
  }
  return 'no problem';
}

test('an empty file is the defaults', t => {
  t.deepEqual(parseConfig('', 'x'), defaultConfig());
});

test('the example of every key is accepted, and alone changes that key', t => {
  for (const [name, row] of Object.entries(CONFIG_KEYS)) {
    const config = parseConfig(`${name} = ${row.example}\n`, 'x') as Record<string, unknown>;
    t.true(name in config, name);
  }
});

test('names that every object inherits are unknown keys like others', t => {
  for (const name of ['constructor', 'toString', 'hasOwnProperty', '__proto__'])
    for (const text of [`${name} = 1`, `[${name}]\nx = 1`, `[head]\n${name} = 1`])
      t.regex(problemOf(text), /unknown key/, text);
});

test('an unknown key names file, key and the nearest right one', t => {
  t.is(
    problemOf('[head]\nadress = "10.0.0.1/24"'),
    "/etc/muster/muster.toml: unknown key 'head.adress'; did you mean 'head.address'?",
  );
  t.regex(problemOf('[zzz]\nq = 1'), /unknown key 'zzz\.q'; the keys are head\.name/);
});

test('a wrong type names file, key, what it must be, and what it is', t => {
  t.is(
    problemOf('[http]\nport = "80"'),
    '/etc/muster/muster.toml: key \'http.port\' must be a whole number from 1 to 65535, without quotes; it is "80"',
  );
  t.regex(problemOf('[tftp]\nenabled = "yes"'), /'tftp\.enabled' must be true or false/);
  t.regex(problemOf('[dhcp]\nmode = "yes"'), /'dhcp\.mode' must be one of "authoritative", "proxy", "off"/);
  t.regex(problemOf('[paths]\nstate = "relative"'), /'paths\.state' must be an absolute path/);
  t.regex(problemOf('[dhcp]\ndns = ["10.0.0.300"]'), /'dhcp\.dns' must be a list of IPv4 addresses/);
  t.regex(problemOf('[log]\nlevel = "loud"'), /must be one of "debug", "info"/);
  t.regex(problemOf('loaders = 3'), /'loaders' must be a table/);
  t.regex(problemOf('[loaders]\nvax = "/x"'), /no client architecture 'vax'/);
});

test('an impossible value is refused: port, prefix, lease, router outside the network, the network itself as address', t => {
  t.regex(problemOf('[http]\nport = 70000'), /from 1 to 65535/);
  t.regex(problemOf('[head]\naddress = "10.54.0.1"'), /with its prefix/);
  t.regex(problemOf('[head]\naddress = "10.54.0.1/33"'), /with its prefix/);
  t.regex(problemOf('[dhcp]\nlease_seconds = 1'), /from 60/);
  t.regex(problemOf('[dhcp]\nrouter = "192.168.1.1"'), /is not in the boot network 10\.54\.0\.0\/24/);
  t.regex(problemOf('[head]\naddress = "10.54.0.0/24"'), /network's own or its broadcast address/);
});

test('all problems of a file are reported at once', t => {
  t.is(problemOf('[http]\nport = 0\n[x]\ny = 1\n').split('\n').length, 2);
});

test('what is no TOML, and a file that is not there, are bad-config with the place', t => {
  t.regex(problemOf('[head\nname = 1'), /muster\.toml: is not TOML: /);
  t.throws(() => loadConfig('/does/not/exist.toml'), { message: /^\/does\/not\/exist\.toml: cannot be read: ENOENT/ });
});
