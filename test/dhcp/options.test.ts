import test from 'ava';
import { encapsulate, getOption, OPTIONS, type Option, setOption } from '../../src/dhcp/options.ts';
import { writeIp } from '../../src/wire/ip.ts';
import { WireError } from '../../src/wire/reader.ts';

/** One row per option: its code, a value and its bytes (hex). */
const ROWS: Record<keyof typeof OPTIONS, [code: number, value: unknown, hex: string]> = {
  subnetMask: [1, '255.255.255.0', 'ffffff00'],
  router: [3, ['10.54.0.254'], '0a3600fe'],
  dns: [6, ['10.54.0.1', '8.8.8.8'], '0a36000108080808'],
  logServer: [7, ['10.54.0.1'], '0a360001'],
  hostName: [12, 'n0', '6e30'],
  domainName: [15, 'c.l', '632e6c'],
  broadcast: [28, '10.54.0.255', '0a3600ff'],
  vendorInformation: [43, Buffer.of(6, 1, 8), '060108'],
  requestedAddress: [50, '10.54.0.100', '0a360064'],
  leaseTime: [51, 3600, '00000e10'],
  overload: [52, 3, '03'],
  messageType: [53, 1, '01'],
  serverIdentifier: [54, '10.54.0.1', '0a360001'],
  parameterList: [55, Buffer.of(1, 3), '0103'],
  message: [56, 'no', '6e6f'],
  maximumSize: [57, 1500, '05dc'],
  renewalTime: [58, 1800, '00000708'],
  rebindingTime: [59, 0xffffffff, 'ffffffff'],
  vendorClass: [60, 'PXE', '505845'],
  clientIdentifier: [61, Buffer.of(1, 2), '0102'],
  tftpServerName: [66, '1.2.3.4', '312e322e332e34'],
  bootFileName: [67, 'a', '61'],
  userClass: [77, Buffer.from('iPXE'), '69505845'],
  relayInformation: [82, Buffer.of(1, 1, 7), '010107'],
  clientLastTransactionTime: [91, 3600, '00000e10'],
  associatedIp: [92, ['10.54.0.1', '10.54.0.2'], '0a3600010a360002'],
  architecture: [93, [7, 9], '00070009'],
  subnetSelection: [118, '10.54.0.0', '0a360000'],
  machineIdentifier: [97, Buffer.alloc(17), '0000000000000000000000000000000000'],
  ipxe: [175, Buffer.of(176, 1, 1), 'b00101'],
};

for (const [key, [code, value, hex]] of Object.entries(ROWS)) {
  const option = OPTIONS[key as keyof typeof OPTIONS] as Option<unknown>;
  test(`option ${code} (${option.name}) is written and read`, t => {
    const options = new Map<number, Buffer>();
    setOption(options, option, value);
    t.is(options.get(code)?.toString('hex'), hex);
    t.deepEqual(getOption(options, option), value);
  });
}

for (const [option, hex] of [
  [OPTIONS.messageType, '0102'],
  [OPTIONS.requestedAddress, '0a3600'],
  [OPTIONS.router, ''],
  [OPTIONS.router, '0a360001ff'],
  [OPTIONS.maximumSize, '05'],
  [OPTIONS.leaseTime, '000e10'],
  [OPTIONS.architecture, ''],
  [OPTIONS.architecture, '000700'],
  [OPTIONS.vendorClass, ''],
] as const) {
  test(`option ${option.code} with '${hex}' is malformed, which is not absent`, t => {
    const options = new Map([[option.code, Buffer.from(hex, 'hex')]]);
    const error = t.throws(() => getOption<unknown>(options, option), { instanceOf: WireError });
    t.regex(error?.message ?? '', new RegExp(option.name.replace(/[()]/g, '\\$&')));
    t.is(getOption<unknown>(new Map(), option), undefined);
  });
}

test('RFC 2132 §2: a text ends before its NUL, which some senders add', t => {
  t.is(getOption(new Map([[60, Buffer.from('PXEClient\0\0')]]), OPTIONS.vendorClass), 'PXEClient');
});

test('RFC 2132 §8.4: encapsulated options follow one another', t => {
  t.is(
    encapsulate([
      [176, Buffer.of(1)],
      [6, Buffer.of(8, 9)],
    ]).toString('hex'),
    'b0010106020809',
  );
});

test('an invalid address is our bug and throws RangeError', t => {
  for (const wrong of ['', '1.2.3', '1.2.3.4.5', '1.2.3.999'])
    t.throws(() => writeIp(Buffer.alloc(8), 0, wrong), { instanceOf: RangeError });
});
