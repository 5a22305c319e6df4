// Package chatconfig gives a program's flags their values from a file of TOML and from
// the environment, too. Every setting has one name everywhere: the flag --max-text is
// the variable IOMUX_CHAT_MAX_TEXT and the key max-text of the file, and what may be
// said there is what the flag takes. What says more about this one run wins: a flag
// before a variable, a variable before the file, the file before the default.
package chatconfig
