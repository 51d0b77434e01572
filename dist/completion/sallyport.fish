# SPDX-License-Identifier: GPL-3.0-or-later
# What may follow is the program's own answer (sallyport __complete), so that it is never older than the program.
function __sallyport_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in ($words[1] __complete $words[2..-1] 2>/dev/null)
        if test "$line" = :files
            __fish_complete_path (commandline -ct)
        else
            echo $line
        end
    end
end
complete -c sallyport -f -a '(__sallyport_complete)'
