/* SPDX-License-Identifier: GPL-3.0-or-later */
/* State that a process inherits from the process that started it, and must not depend on. */
#ifndef SALLYPORT_IO_PROCESS_H
#define SALLYPORT_IO_PROCESS_H

/* First of all in a program. A standard descriptor that came closed would become the next file or
 * socket that is opened, and messages would be written into it: it is occupied, and what reads or
 * writes it fails with EBADF as before. For root, files and folders get the mode their maker asks
 * for, whatever the umask: the engine and the portal are other users and read what root makes. A
 * person's own umask stands. */
void sp_process_begin(void);

#endif
