// A short message at the lower edge, also read out.

import { useEffect, useState } from 'preact/hooks';

const shownMs = 2500;

let show: (text: string) => void = () => undefined;

export const toast = (text: string): void => show(text);

export function Toast() {
  const [text, setText] = useState('');
  useEffect(() => {
    let timer = 0;
    show = (next) => {
      clearTimeout(timer);
      setText(next);
      timer = window.setTimeout(() => setText(''), shownMs);
    };
    return () => clearTimeout(timer);
  }, []);
  return <p class={text ? 'toast shown' : 'toast'} role="status" aria-live="polite">{text}</p>;
}
