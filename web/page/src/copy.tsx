// An address with a button that copies it.

import { useRef, useState } from 'preact/hooks';
import { t } from './i18n';
import { Icon } from './icons';
import { toast } from './toast';

const doneMs = 1500;

export function CopyRow(props: { label: string; text: string }) {
  const field = useRef<HTMLInputElement>(null);
  const [done, setDone] = useState(false);
  const copy = async (): Promise<void> => {
    const copied = await copyText(props.text, field.current);
    toast(t(copied ? 'copied' : 'copyFailed'));
    setDone(copied);
    setTimeout(() => setDone(false), doneMs);
  };
  return (
    <div class="copy">
      <label>
        <span>{props.label}</span>
        <input ref={field} dir="ltr" readOnly value={props.text} tabIndex={-1} onFocus={(e) => e.currentTarget.select()} />
      </label>
      <button class="icon-button" data-nav title={t('copy')} aria-label={`${t('copy')}: ${props.label}`} onClick={copy}>
        <Icon name={done ? 'done' : 'copy'} />
      </button>
    </div>
  );
}

/** Copies by the clipboard API, which needs https or localhost, else by the old command. */
export async function copyText(text: string, field: HTMLInputElement | HTMLTextAreaElement | null): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    field?.select();
    return document.execCommand('copy');
  }
}
