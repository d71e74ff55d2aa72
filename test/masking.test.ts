import test from 'ava';
import fc from 'fast-check';
import {
  asCommand,
  isSecretName,
  maskCommand,
  maskPassword,
  maskUrls,
  maskWords,
  scrubber,
  titleOf,
} from '../src/masking.ts';
import { SHAPES, secret } from './support/secret-commands.ts';

test("the specification's power URIs are shown with stars", t => {
  t.is(maskPassword('ipmi:///admin:password@172.45.88.1'), 'ipmi:///admin:***@172.45.88.1');
  t.is(maskPassword('ipmi://remote_server/admin:password@172.45.88.1'), 'ipmi://remote_server/admin:***@172.45.88.1');
  t.is(maskPassword('vbox://192.168.56.1/CW_Compute0'), 'vbox://192.168.56.1/CW_Compute0');
  t.is(maskPassword(''), '');
});

test('no password survives, whatever is in it', t => {
  const password = fc.string({ minLength: 4, maxLength: 20 }).filter(text => !/[\s*]/.test(text) && text.trim() !== '');
  fc.assert(
    fc.property(password, text => {
      const secret = `~${text}~`;
      const uri = `ipmi:///admin:${secret}@172.45.88.1`;
      t.false(maskPassword(uri).includes(secret), maskPassword(uri));
      t.false(maskCommand(`node -i n0 update power_uri=${uri} description=x`).includes(secret));
    }),
  );
});

test('a command for the audit trail: words that name a secret, line breaks, length', t => {
  t.is(maskCommand('node -i n0 set bmc_password=geheim rack=a'), 'node -i n0 set bmc_password=*** rack=a');
  t.is(maskCommand('set API_TOKEN=1 clientSecret=2'), 'set API_TOKEN=*** clientSecret=***');
  t.is(maskCommand('set a=1\n2 forged line\u001b[2J'), 'set a=1 2 forged line [2J');
  t.is(maskCommand('x'.repeat(10_000)).length, 4096);
  t.is(maskCommand('node -i n[0-15] set _boot_config=mpiBoot'), 'node -i n[0-15] set _boot_config=mpiBoot');
});

test('whatever the secret and the command, nothing of it is left: in words, in a text, in the process list', t => {
  const names = new Set(['lock']);
  for (const [shape, make] of SHAPES.entries()) {
    fc.assert(
      fc.property(secret, fc.nat(5000), ({ core, before, behind }, n) => {
        const words = make(before + core + behind, n);
        // Somebody who quotes badly tears words apart; without signs for the shell they stay whole.
        const naive = /[\s'"\\]/.test(before + behind)
          ? ''
          : words.map(word => (/\s/.test(word) ? `'${word}'` : word)).join(' ');
        const masked = maskWords(words, names);
        for (const text of [
          asCommand(masked),
          maskCommand(asCommand(words), names),
          maskCommand(naive, names),
          titleOf(words),
        ])
          t.false(text.includes(core), `shape ${shape}: ${text}`);
        t.deepEqual(maskWords(masked, names), masked, 'masked once is masked');
        t.true(maskCommand(asCommand(words), names).length <= 4096);
        // An error about the command may quote any word of it.
        if (maskWords(words).join() !== words.join() && !words.some(word => word.startsWith('lock=')))
          for (const word of words)
            t.false(scrubber(words)(`it said ${word}`).includes(core), `shape ${shape}: ${word}`);
      }),
      { seed: 7 + shape, numRuns: 200 },
    );
  }
});

test('any words come back from their text, so that the audit trail says what was typed', t => {
  const words = fc.array(
    fc
      .string()
      .map(text => text.replace(/\p{Cc}/gu, ''))
      .filter(text => text !== '' && !/[=:]/.test(text)),
  );
  fc.assert(
    fc.property(words, list => {
      const plain = list.filter(word => !/^(-|exec$|ssh$)/.test(word));
      t.is(maskCommand(asCommand(plain)), asCommand(plain).slice(0, 4096));
    }),
  );
});

test('a text of any length is masked: the time grows with it, not with its square', t => {
  // With the square these take longer than a test may
  for (const text of ['x'.repeat(2_000_000), 'a://b:'.repeat(200_000), 'a:///b/'.repeat(200_000)])
    t.is(maskUrls(text), text);
  t.true(maskUrls(`${'x '.repeat(500_000)}http://u:geheim@b/`).endsWith(' http://u:***@b/'));
});

test('what is no secret stays readable', t => {
  for (const text of [
    'repo create name=r urls=http://10.54.0.1:8080/r,https://mirror/r keys=https://mirror/KEY',
    'node -i n0 set _boot_config=B monkey=1 keyboard=us ssh_public_key=AAAA turkey=x',
    'node -i n0 exec --fanout 2 -- uptime',
    'boot -i B update cmdline=console=ttyS0 kernel=@/boot/vmlinuz',
    "node -i n0 update 'description=a b'",
    'modimg -i X --execute reboot --upload',
  ])
    t.is(maskCommand(text), text);
  t.is(maskCommand('node -i n0 exec -- systemctl restart x'), 'node -i n0 exec -- systemctl *** ***');
  t.is(maskCommand("modimg -i X --execute 'echo a b' --upload"), "modimg -i X --execute 'echo ***' --upload");
  t.is(
    maskCommand('repo create urls=http://a:8080/x,http://u:geheim@b/y'),
    'repo create urls=http://a:8080/x,http://u:***@b/y',
  );
});

test('a user without a password is a token in URLs of the web, and a user elsewhere', t => {
  const cases = [
    ['https://ghp_x1@git.example.com/r.git', 'https://***@git.example.com/r.git'],
    ['urls=http://a/,https://t0ken@b:8443/y', 'urls=http://a/,https://***@b:8443/y'],
    ['ftp://t0ken@h/x', 'ftp://***@h/x'],
    ['http://mirror/~user@host', 'http://mirror/~user@host'],
    ['qemu+ssh://root@kvmhost/system', 'qemu+ssh://root@kvmhost/system'],
    ['ipmi:///admin@10.0.0.1', 'ipmi:///admin@10.0.0.1'],
  ] as const;
  t.is(maskUrls('http://mirror:8080/@scope/x'), 'http://mirror:8080/@scope/x');
  t.is(maskUrls('see ipmi:///admin:geheim@10.0.0.9, or'), 'see ipmi:///admin:***@10.0.0.9, or');
  t.is(maskUrls('ipmi://server/admin:geheim@10.0.0.9'), 'ipmi://server/admin:***@10.0.0.9');
  t.is(maskUrls('iscsi:10.0.0.1::::iqn.2026-01.org:x'), 'iscsi:10.0.0.1::::iqn.2026-01.org:x');
  for (const [text, masked] of cases) for (const mask of [maskUrls, maskPassword]) t.is(mask(text), masked, mask.name);
  t.is(maskCommand('repo create urls=https://t0ken@h/'), 'repo create urls=https://***@h/');
});

test('names that say that their value is secret', t => {
  for (const name of [
    'bmc_password',
    'API_TOKEN',
    'clientSecret',
    'api_key',
    'apikey',
    'bmc_pw',
    'rootpw',
    'key',
    'cred',
    'kg',
  ])
    t.true(isSecretName(name), name);
  for (const name of ['keys', 'keyboard', 'monkey', 'public_key', 'sshPubKey', 'credits', 'power_uri', '_boot_config'])
    t.false(isSecretName(name), name);
});
