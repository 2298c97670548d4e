// What one interaction does to the page, by the browser's own clock. Installed before the visitor acts; read after.
// own: a selector of the control's own container, whose changes (the thumb that follows the key) are not counted.
// watch: null, "label" (the label in words says something else) or "result" (another image, and a label, both up to date).
([own, watch]) => {
    const LABEL = /^\W*(NORMAL|UNCERTAIN|PNEUMONIA)\W*$/;
    const main = () => document.querySelector('[data-testid=stMain]');
    const fresh = element => !element.closest('[data-stale=true]');
    const largest = (elements, size) => elements.reduce((best, each) => best && size(best) >= size(each) ? best : each, null);
    const label = () => largest(
        [...main().querySelectorAll('span, p, strong, div, h2, h3')].filter(each => LABEL.test(each.textContent) && each.getClientRects().length),
        each => parseFloat(getComputedStyle(each).fontSize));
    const image = () => largest([...main().querySelectorAll('img')], each => each.clientWidth * each.clientHeight);
    const before = { label: label()?.textContent.trim(), image: image()?.src };
    const reached = {
        label: () => label() && fresh(label()) && label().textContent.trim() !== before.label,
        result: () => image() && image().src !== before.image && image().complete && fresh(image()) && label() && fresh(label()),
    }[watch];

    const ownBox = own ? document.querySelector(own) : null;
    const seen = window.recorded = { start: null, last: null, reached: null, stale: new Set(), changed: new Set() };
    const begin = () => { seen.start ??= performance.now(); };
    for (const kind of ['pointerdown', 'keydown', 'change']) addEventListener(kind, begin, { once: true, capture: true });

    const check = () => {
        if (reached && seen.reached === null && reached()) requestAnimationFrame(now => { seen.reached ??= Math.max(now, performance.now()); });
    };
    seen.check = check; // also once a frame, for what no event tells
    const observer = new MutationObserver(changes => {
        if (seen !== window.recorded) { observer.disconnect(); return; }
        if (seen.start === null) return;
        for (const { target, type, attributeName } of changes) {
            const element = target.nodeType === Node.ELEMENT_NODE ? target : target.parentElement;
            if (!element?.closest('[data-testid=stMain]')) continue;
            if (type === 'attributes' && attributeName === 'data-stale') {
                if (element.dataset.stale === 'true') seen.stale.add(element);
            } else if (!ownBox?.contains(element)) {
                seen.last = performance.now();
                const box = element.closest('[data-testid=stElementContainer]');
                if (box) seen.changed.add(box);
            }
        }
        check();
    });
    observer.observe(document.body, {
        subtree: true, childList: true, characterData: true, attributes: true,
        attributeFilter: ['data-stale', 'src', 'd', 'x', 'y', 'transform', 'fill', 'points', 'value', 'aria-valuenow', 'aria-valuetext'],
    });
    addEventListener('load', ({ target }) => {
        if (seen !== window.recorded || seen.start === null || target.tagName !== 'IMG') return;
        seen.last = performance.now();
        check();
    }, true);
}
