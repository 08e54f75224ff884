// Work that repeats while a component is on the page and the page is visible.
import { useEffect, useRef } from "../vendor/vendor.js";

/** Calls `work` at once and then `pause_ms` after it has ended, until the component leaves. Null: only once. */
export function usePolling(work, pauseMs, changes = []) {
  const latest = useRef(work);
  latest.current = work;
  useEffect(() => {
    let timer = null;
    let isOver = false;
    const round = async () => {
      if (!document.hidden) await latest.current();
      if (!isOver && pauseMs !== null) timer = setTimeout(round, pauseMs);
    };
    round();
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [pauseMs, ...changes]);
}
