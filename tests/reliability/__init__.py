"""What SAFETY promises of runs, pages and data, held against kills, full disks, jumping clocks and damage."""
