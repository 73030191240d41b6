set pagination off
set confirm off
break stop_here
run
print x
print y
print shape
print node
print none
kill
