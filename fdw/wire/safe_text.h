/*-------------------------------------------------------------------------
 *
 * safe_text.h
 *		Text of others made fit for a message.
 *
 * IDENTIFICATION
 *		fdw/wire/safe_text.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PYLON_SAFE_TEXT_H
#define PYLON_SAFE_TEXT_H

extern void safe_text_hide(const char *secret);
extern char *safe_text(const char *text);
extern char *safe_text_long(const char *text);

#endif							/* PYLON_SAFE_TEXT_H */
