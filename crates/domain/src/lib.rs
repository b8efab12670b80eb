//! The rules of joint complaint handling: events, case fold, judging, deadlines, policy packs, calendars.
