// Where firmware differs: one row for each, with the public report or the captured packets that it is known from.
// `identify` asks for the rows that change what is loaded; `muster firmware ls` and docs/firmware.md show all of them.

/** What a client is recognised by; all that is given must fit. */
export interface QuirkMatch {
  /** Architectures of option 93, or of option 60. */
  architectures?: readonly number[];
  /** What option 60 begins with. */
  vendorClass?: string;
  /** First three bytes of the hardware address, canonical. */
  ouis?: readonly string[];
}

export interface Quirk {
  id: string;
  who: string;
  differs: string;
  /** What muster does about it. */
  answer: string;
  /** Where it is known from: a public report, a standard, or a test with captured packets. */
  sources: readonly string[];
  match?: QuirkMatch;
  /** Nothing is loaded, for this reason: what it would be given does not run there. */
  refuse?: string;
}

export const QUIRKS: readonly Quirk[] = [
  {
    id: 'architecture-9',
    who: 'x64 UEFI that says architecture 9',
    differs: 'RFC 4578 printed 7 and 9 the wrong way round, so x64 firmware uses both',
    answer: 'both get the x64 loader',
    sources: ['IANA "Processor Architecture Types"', 'WillChamness/Dnsmasq-PXE#3'],
    match: { architectures: [9] },
  },
  {
    id: 'http-with-tftp-architecture',
    who: 'UEFI HTTP boot with the TFTP architecture',
    differs: 'some firmware says HTTPClient in option 60 with architecture 7',
    answer: 'it gets the URL',
    sources: ['UEFI 2.10 §24.7'],
    match: { vendorClass: 'HTTPClient', architectures: [6, 7, 9, 11] },
  },
  {
    id: 'no-option-93',
    who: 'firmware without option 93',
    differs: 'older ROMs name the architecture in option 60 only: PXEClient:Arch:00007:UNDI:003016',
    answer: 'it is read there',
    sources: ['PXE 2.1 table 2-1'],
    match: { vendorClass: 'PXEClient' },
  },
  {
    id: 'edk2-option-60',
    who: 'edk2 (OVMF, most UEFI) by PXE',
    differs:
      'treats an offer with option 60 PXEClient as a PXE service, and asks on port 4011 before it loads; if nobody answers there, it stops',
    answer: 'offers have no such option, except as proxyDHCP, where port 4011 is answered too',
    sources: ['FOGProject/fog-docs#188', 'captured: ovmf-pxe-discover, ovmf-pxe-request'],
    match: { architectures: [6, 7, 9, 11] },
  },
  {
    id: 'emag-option-60',
    who: 'Ampere eMAG (UEFI)',
    differs: 'ignores the file name of an offer that says PXEClient',
    answer: 'offers have no such option',
    sources: ['tinkerbell/smee#228'],
    match: { architectures: [11] },
  },
  {
    id: 'edk2-proxydhcp',
    who: 'older edk2 (seen on Dell T130, T430)',
    differs: 'forgets the offer of a proxyDHCP server',
    answer: 'dhcp.mode = "authoritative" for such machines: nothing that proxyDHCP sends can help',
    sources: ['tianocore/edk2#6944'],
    match: { architectures: [7, 9] },
  },
  {
    id: 'http-boot-options',
    who: 'UEFI HTTP boot',
    differs:
      'drops an offer without option 60 HTTPClient and option 67; follows no redirect reliably; refuses HTTP/1.0',
    answer: 'both are sent; double slashes count as one; HTTP/1.1',
    sources: ['xcat2/xcat-core#7743', 'tinkerbell/smee#229', 'tianocore/edk2#9920', 'captured: ovmf-http-discover'],
    match: { architectures: [15, 16, 19] },
  },
  {
    id: 'http-boot-dns',
    who: 'UEFI HTTP boot that hands on to iPXE',
    differs: 'some firmware does not pass the name servers to iPXE, so a URL with a name fails',
    answer: 'every URL has the address of the head',
    sources: ['ipxe/ipxe#1316'],
    match: { architectures: [15, 16, 19] },
  },
  {
    id: 'machine-identifier',
    who: 'firmware with option 97',
    differs: 'drops offers without its own machine identifier; some cards send none, and drop an invented one',
    answer: 'returned unaltered when it was sent, else left out',
    sources: ['RFC 4578 §2.3', 'danderson/pixiecore#21'],
  },
  {
    id: 'unterminated-name',
    who: 'some PXE ROMs',
    differs: 'read past the end of an unterminated file name in option 67 and ask TFTP for it with 0xff appended',
    answer: 'the option ends with NUL, and TFTP accepts the name with 0xff too',
    sources: ['ubccr/grendel#36', 'ubccr/grendel#90'],
  },
  {
    id: 'first-request-for-size',
    who: 'firmware that aborts a first TFTP request',
    differs: 'asks for the size (option tsize) and stops with error 8, or with "TFTP Aborted"',
    answer: 'does not count as a failed boot',
    sources: ['danderson/pixiecore#21', 'captured from OVMF'],
  },
  {
    id: 'undionly-first',
    who: 'HP DL380p G8 and others by BIOS',
    differs: 'ipxe.pxe, with its own driver, gets no packet through the card; undionly.kpxe, with the card’s, does',
    answer: 'undionly.kpxe comes first, and ipxe.pxe after two failures',
    sources: ['danderson/netboot#63'],
    match: { architectures: [0] },
  },
  {
    id: 'snponly-first',
    who: 'cards that ipxe.efi has no working driver for',
    differs: 'the driver in ipxe.efi does not work with every card',
    answer: 'snponly.efi, which uses the firmware’s driver, comes first, and ipxe.efi after two failures',
    sources: ['warewulf/warewulf#681'],
    match: { architectures: [7, 9, 11] },
  },
  {
    id: 'ipxe-says-pxeclient',
    who: 'iPXE',
    differs: 'says PXEClient in option 60 like the firmware it comes from',
    answer: 'is known by option 175 or its user class before option 60 is looked at',
    sources: ['ipxe/ipxe#1527'],
  },
  {
    id: 'raw-user-class',
    who: 'iPXE',
    differs: 'sends its user class as bare text, but RFC 3004 wants a list: some servers drop the message',
    answer: 'both forms are read',
    sources: ['metal3-io/baremetal-operator#446'],
  },
  {
    id: 'flexboot-user-class',
    who: 'Mellanox FlexBoot',
    differs: 'is an iPXE and does not say so in its user class',
    answer: 'option 175 alone is enough',
    sources: ['warewulf/warewulf3#104'],
  },
  {
    id: 'ipxe-router-advertisement',
    who: 'iPXE, many builds',
    differs: 'waits 16 s for an IPv6 router advertisement at each start',
    answer: 'radvd, see [network.md](network.md)',
    sources: ['measured with Debian 12’s iPXE'],
  },
  {
    id: 'ipxe-proxydhcp-wait',
    who: 'iPXE without option 175.176',
    differs: 'waits for a proxyDHCP server at each start',
    answer: 'the option is sent',
    sources: ['measured with Debian 12’s iPXE'],
  },
  {
    id: 'autoexec',
    who: 'newer iPXE',
    differs: 'asks for autoexec.ipxe next to itself, or at the root',
    answer: 'served by TFTP and HTTP; its absence elsewhere is no error',
    sources: ['ipxe/ipxe#1327', 'ipxe/ipxe#1522'],
  },
  {
    id: 'grub-ports',
    who: 'GRUB',
    differs:
      'numbers its TCP ports from 21550 at each start and leaves connections open: these swallow the first packets of the next boot, 20 s for each file',
    answer: 'its connections are reset when it has its file, not closed',
    sources: ['captured from GRUB 2.06'],
  },
  {
    id: 'u-boot',
    who: 'U-Boot, 64-bit ARM',
    differs:
      'asks for its own script first (architecture 22), then for a UEFI program (11) and a device tree next to it',
    answer: 'the UEFI loader is named both times; the script and the device tree may be missing',
    sources: ['captured: uboot-script-discover, uboot-efi-discover'],
    match: { architectures: [22] },
  },
  {
    id: 'u-boot-ipxe',
    who: 'iPXE in U-Boot',
    differs: 'iPXE of 2025-05 hangs at its prompt in U-Boot 2023.01',
    answer: 'GRUB, which runs there, is offered after two failures; `_boot_loader=grub` at once',
    sources: ['seen with the packages of Debian 12 and 13'],
    match: { architectures: [22] },
  },
  {
    id: 'raspberry-pi',
    who: 'Raspberry Pi, boot ROM',
    differs: 'claims to be an x86 BIOS (architecture 0), and loads its own files by TFTP, no PXE loader',
    answer: 'is refused with what to do, instead of getting a loader that cannot run there',
    sources: [
      'https://wol.ski/blog/2024-05-18-raspberry-pi-dhcpd-netboot',
      'https://unix.stackexchange.com/questions/506758',
    ],
    match: {
      architectures: [0],
      ouis: ['b8:27:eb', 'dc:a6:32', 'e4:5f:01', 'd8:3a:dd', '28:cd:c1', '2c:cf:67'],
    },
    refuse:
      'this is the boot ROM of a Raspberry Pi, which runs no PXE loader: put its UEFI firmware (pftf) on an SD card or USB disk, which then boots as ARM 64-bit UEFI',
  },
];

const REFUSING = QUIRKS.filter(quirk => quirk.refuse !== undefined);

/** Why a firmware is given nothing to load; undefined for all but a few. Asked for each message of firmware. */
export function refusalByQuirk(client: {
  mac: string;
  architecture: number | undefined;
  vendorClass: string;
}): string | undefined {
  for (const { match, refuse } of REFUSING) if (match && fits(match, client)) return refuse;
  return undefined;
}

/** Whether a client is one that a row is about. */
export function fits(
  { architectures, vendorClass, ouis }: QuirkMatch,
  client: { mac: string; architecture: number | undefined; vendorClass: string },
): boolean {
  if (architectures && (client.architecture === undefined || !architectures.includes(client.architecture)))
    return false;
  if (vendorClass !== undefined && !client.vendorClass.startsWith(vendorClass)) return false;
  return !ouis || ouis.includes(client.mac.slice(0, 8));
}
