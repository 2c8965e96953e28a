// Addresses are often copied with what stands around them: from a link, from a list of recipients.
const IN_BRACKETS = /<([^<>]*)>/;
const LINK = /^mailto:([^?]*).*$/i;
const SEPARATORS = /^[\s,;]+|[\s,;]+$/g;

/** The address alone: « mailto:x@y.fr », « Jean <x@y.fr> » and « x@y.fr; » are all x@y.fr. */
export function addressIn(text) {
  const [, inBrackets] = IN_BRACKETS.exec(text) ?? [];
  return (inBrackets ?? text).replace(SEPARATORS, '').replace(LINK, '$1').replace(SEPARATORS, '');
}

/** Keeps the address alone of what is pasted or dropped into a field for one; what is typed stays as it is. */
export function cleanPastedAddresses() {
  for (const field of document.querySelectorAll('input[type=email]')) {
    // On the field itself: cleaned by the time the form looks at it.
    field.addEventListener('input', ({ inputType }) => {
      if (!/^insertFrom(Paste|Drop)/.test(inputType ?? '')) return;
      const address = addressIn(field.value);
      if (address !== field.value) field.value = address;
    });
  }
}
