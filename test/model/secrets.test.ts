import test from 'ava';
import fc from 'fast-check';
import { maskCommand, maskPassword } from '../../src/model/secrets.ts';

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
