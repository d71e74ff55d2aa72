// Which configuration the doctor judges: the file that was named, else that of the daemon at the socket; and that it says so.
import { rmSync } from 'node:fs';
import test from 'ava';
import { type Config, defaultConfig } from '../../src/config.ts';
import { type Choice, chooseConfiguration } from '../../src/doctor/configuration.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import { TestDaemon } from '../cli/daemon.ts';

const SOCKET = '/run/other.sock';
const values = { ...defaultConfig(), 'paths.socket': SOCKET, 'paths.state': '/srv/other' };
const load = (file: string): Config => ({ ...defaultConfig(), 'head.name': file });
const nothing: Choice = { named: undefined, usual: undefined, running: undefined, socket: '/run/musterd/admin.sock' };

test('without a daemon: the usual file or the defaults, and a warning for another socket', t => {
  t.like(chooseConfiguration(nothing, load), { file: undefined, finding: { verdict: 'ok' } });
  const usual = { ...nothing, usual: '/etc/muster/muster.toml' };
  t.like(chooseConfiguration(usual, load), { file: usual.usual, config: { 'head.name': usual.usual } });
  for (const choice of [nothing, usual]) {
    const { finding } = chooseConfiguration({ ...choice, socket: SOCKET }, load);
    t.is(finding.verdict, 'warn');
    t.regex(
      finding.text,
      /^musterd on \/run\/other\.sock does not report .* for a musterd on \/run\/musterd\/admin\.sock\.$/,
    );
    t.regex(finding.remedy ?? '', /--config FILE/);
  }
});

test('with a daemon: its own file, even if another one is at the usual place', t => {
  const choice = { ...nothing, usual: '/etc/muster/muster.toml', running: { file: '/srv/other.toml', values } };
  const chosen = chooseConfiguration(choice, load);
  t.like(chosen, { file: '/srv/other.toml', config: { 'head.name': '/srv/other.toml' }, finding: { verdict: 'ok' } });
  t.like(chooseConfiguration({ ...choice, running: { file: null, values } }, load), {
    file: undefined,
    config: values,
  });
});

test('a file of the daemon that cannot be read: the configuration in use is checked, and the reason is given', t => {
  const chosen = chooseConfiguration({ ...nothing, running: { file: '/srv/other.toml', values } }, file => {
    throw new Error(`${file}: cannot be read: EACCES`);
  });
  t.like(chosen, { file: undefined, config: values, finding: { verdict: 'warn' } });
  t.regex(chosen.finding.text, /\/srv\/other\.toml: cannot be read: EACCES/);
});

test('a named file is checked, with a warning when the daemon runs on another', t => {
  const named = { ...nothing, named: '/tmp/new.toml', running: { file: '/srv/other.toml', values } };
  const chosen = chooseConfiguration(named, load);
  t.like(chosen, { file: '/tmp/new.toml', finding: { verdict: 'warn' } });
  t.regex(chosen.finding.text, /is running with \/srv\/other\.toml/);
  t.is(chooseConfiguration({ ...named, running: { file: '/tmp/new.toml', values } }, load).finding.verdict, 'ok');
});

test('MUSTER_SOCKET of a daemon with a separate folder: that folder is checked, and its file named', async t => {
  const daemon = await TestDaemon.start();
  t.teardown(async () => daemon.stop());
  const examined = async (...words: string[]): Promise<Finding[]> => {
    const { stdout } = await daemon.run('muster', 'doctor', '--no-probe', '--json', ...words);
    return (JSON.parse(stdout) as { findings: Finding[] }).findings;
  };
  const told = async (check: string): Promise<string> => {
    const found = await examined();
    return found
      .filter(item => item.check === check)
      .map(({ text }) => text)
      .join('\n');
  };
  const file = daemon.config;
  t.is(await told('configuration'), `Checked ${file}, the configuration musterd is running with.`);
  t.regex(await told('disk'), new RegExp(`free for ${daemon.folder}`));
  t.notRegex(await told('permissions'), /var\/lib\/muster/);
  rmSync(file);
  t.regex(
    await told('configuration'),
    /^Checked the configuration musterd is running with, not its file\. .*cannot be read/,
  );
  t.regex(await told('disk'), new RegExp(`free for ${daemon.folder}`));
});
