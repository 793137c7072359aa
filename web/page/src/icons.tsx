// Icons, drawn on a grid of 24.

const paths = {
  play: 'M8 5.2v13.6a.8.8 0 0 0 1.2.7l10.9-6.8a.8.8 0 0 0 0-1.4L9.2 4.5a.8.8 0 0 0-1.2.7z',
  pause: 'M7 4.5h3.2v15H7zM13.8 4.5H17v15h-3.2z',
  back: 'M14.7 4.3 7 12l7.7 7.7 1.6-1.6L10.2 12l6.1-6.1z',
  sound: 'M4 9v6h4l5 4.5v-15L8 9zM15.5 8.2v7.6a4.2 4.2 0 0 0 0-7.6zM15.5 4.2v2.1a6 6 0 0 1 0 11.4v2.1a8 8 0 0 0 0-15.6z',
  silent: 'M4 9v6h4l5 4.5v-15L8 9zM21 9.9l-1.4-1.4-2.1 2.1-2.1-2.1L14 9.9l2.1 2.1-2.1 2.1 1.4 1.4 2.1-2.1 2.1 2.1 1.4-1.4-2.1-2.1z',
  full: 'M4 4h6v2H6v4H4zM14 4h6v6h-2V6h-4zM4 14h2v4h4v2H4zM18 14h2v6h-6v-2h4z',
  pip: 'M3 5h18v14H3zm2 2v10h14V7zm7 5h6v4h-6z',
  plus: 'M11 5h2v6h6v2h-6v6h-2v-6H5v-2h6z',
  theme: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zm0 2v14a7 7 0 0 1 0-14z',
  keys: 'M3 6h18v12H3zm2 2v8h14V8zm1.5 1.5h2v2h-2zm3.5 0h2v2h-2zm3.5 0h2v2h-2zm3.3 0h1.7v2h-1.7zM8 13h8v1.8H8z',
  tv: 'M3 5h18v12H3zm2 2v8h14V7zm3 12h8v2H8z',
  cast: 'M3 5h18v14h-7v-2h5V7H5v3H3zM3 17a2 2 0 0 1 2 2H3zm0-4a6 6 0 0 1 6 6H7a4 4 0 0 0-4-4z',
  stop: 'M6 6h12v12H6z',
  next: 'M6 5.500 15 12l-9 6.500zM16 5.500h2.400v13H16z',
  previous: 'M18 5.500 9 12l9 6.500zM8 5.500H5.600v13H8z',
  list: 'M4 6h2v2H4zm4 0h12v2H8zM4 11h2v2H4zm4 0h12v2H8zm-4 5h2v2H4zm4 0h7v2H8z',
  copy: 'M8 3h12v14h-4v4H4V7h4zm2 4h6v8h2V5h-8zM6 9v10h8V9z',
  done: 'm9.5 17.9-5.7-5.7 1.6-1.6 4.1 4.1 9.1-9.1 1.6 1.600z',
  info: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zm-1.2 4h2.4v2.4h-2.4zm0 4h2.4v6h-2.4z',
  up: 'M12 7.500 4.500 15l1.600 1.600 5.900-5.900 5.900 5.900 1.600-1.600z',
  down: 'm12 16.500 7.500-7.500-1.600-1.600-5.900 5.900-5.900-5.900L4.500 9z',
  star: 'm12 3 2.700 5.800 6.300.7-4.700 4.300 1.300 6.200L12 16.900 6.400 20l1.300-6.200L3 9.500l6.300-.7zm0 4.600-1.400 3-3.300.4 2.500 2.200-.7 3.200 2.900-1.600 2.900 1.600-.7-3.200 2.500-2.200-3.300-.4z',
  starred: 'm12 3 2.700 5.800 6.300.7-4.700 4.300 1.300 6.200L12 16.900 6.400 20l1.300-6.200L3 9.500l6.300-.7z',
  phone: 'M7 2h10v20H7zm2 3v12h6V5zm2 13.500v2h2v-2z',
  edit: 'm4 16.200 10.400-10.400 3.800 3.800L7.800 20H4zM15.600 4.600 17.400 2.800l3.800 3.800-1.800 1.800z',
  search: 'M10 3a7 7 0 1 0 4.200 12.600l4.600 4.600 1.600-1.600-4.600-4.600A7 7 0 0 0 10 3zm0 2.200a4.800 4.800 0 1 1 0 9.600 4.800 4.800 0 0 1 0-9.600z',
  close: 'm12 10.4 5.6-5.6 1.6 1.6-5.6 5.6 5.6 5.6-1.6 1.6-5.6-5.6-5.6 5.6-1.6-1.6 5.6-5.6-5.6-5.6 1.6-1.600z',
};

export type IconName = keyof typeof paths;

/** Icons that point along the writing. Those of players don't: a tape runs from left to right. */
const along: IconName[] = ['back', 'list'];

export function Icon(props: { name: IconName }) {
  return (
    <svg class={along.indexOf(props.name) < 0 ? 'icon' : 'icon mirrored'} viewBox="0 0 24 24" aria-hidden="true">
      <path d={paths[props.name]} fill="currentColor" fill-rule="evenodd" />
    </svg>
  );
}

export function Logo() {
  return (
    <svg class="mark" viewBox="0 0 64 64" aria-hidden="true">
      <path class="hex" d="M32 3.5 56.7 17.700v28.600L32 60.5 7.3 46.300V17.700z" stroke-width="5" stroke-linejoin="round" />
      <path class="tri" d="M26 21.5 43.5 32 26 42.500z" stroke-width="5" stroke-linejoin="round" />
    </svg>
  );
}
