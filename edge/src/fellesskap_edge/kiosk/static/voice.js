// Short tones, and texts read aloud. What is typed never comes here.
const TONES = {
  go: [[660, 0], [880, 0.14]],
  calm: [[520, 0]],
  stop: [[220, 0], [196, 0.16]],
  digit: [[1000, 0]],
};
const LENGTH_S = { go: 0.16, calm: 0.14, stop: 0.2, digit: 0.03 };
const VOLUME = 0.2;
// A voice for Bokmål is understood where there is none for Nynorsk; nothing replaces Northern Sámi.
const VOICES = { nb: ["nb", "no"], nn: ["nn", "nb", "no"], se: ["se"], en: ["en"] };
let audio = null;
export const sound = { muted: false, possible: "AudioContext" in window };

export function play(name) {
  if (sound.muted || !sound.possible) return;
  audio ??= new AudioContext();
  // Without a touch before it, a browser lets no page sound unless its policy says so.
  if (audio.state === "suspended") audio.resume();
  for (const [pitch_hz, after_s] of TONES[name]) {
    const [tone, volume] = [new OscillatorNode(audio, { frequency: pitch_hz }), new GainNode(audio)];
    const [begin, end] = [audio.currentTime + after_s, audio.currentTime + after_s + LENGTH_S[name]];
    volume.gain.setValueAtTime(VOLUME, begin);
    volume.gain.exponentialRampToValueAtTime(0.001, end);
    tone.connect(volume).connect(audio.destination);
    tone.start(begin);
    tone.stop(end);
  }
}

export function voiceFor(language) {
  const voices = window.speechSynthesis?.getVoices() ?? [];
  for (const wanted of VOICES[language]) {
    const found = voices.find(({ lang }) => lang.toLowerCase().split(/[-_]/)[0] === wanted);
    if (found) return found;
  }
  return null;
}

export function hush() {
  window.speechSynthesis?.cancel();
}

export function speak(text, language) {
  const voice = voiceFor(language);
  if (!voice) return;
  hush();
  const words = new SpeechSynthesisUtterance(text);
  words.voice = voice;
  words.lang = voice.lang;
  window.speechSynthesis.speak(words);
}

export function whenVoicesChange(listener) {
  window.speechSynthesis?.addEventListener?.("voiceschanged", listener);
}
