// A link to a view of the gateway.

import type { ComponentChildren } from 'preact';
import { look, viewPath } from './route';

export function ViewLink(props: { view: string; current?: boolean; class?: string; act?: () => void; children: ComponentChildren }) {
  const go = (e: MouseEvent): void => {
    if (e.ctrlKey || e.shiftKey || e.metaKey) return; // a window or tab of its own
    e.preventDefault();
    props.act?.();
    look(props.view);
  };
  return <a class={props.class} data-nav href={viewPath(props.view)} aria-current={props.current ? 'page' : undefined} onClick={go}>{props.children}</a>;
}
